"""Names of objects; each is a pure function of the owner's name, so that no name is ever stored."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from raworc_crds.group import SESSION_ID_LABEL

MAX_LABEL = 63
_HASH = 8

# The service account of every session pod of a space; it is bound to no role.
SESSION_ACCOUNT = "raworc-session"


def child_name(owner: str, role: str) -> str:
    """Name the child of ``owner`` that plays ``role``, within one DNS label.

    A name that would be too long is cut and closed with a hash of the whole,
    so that two long owners never share a child.
    """
    name = f"{owner}-{role}"
    if len(name) <= MAX_LABEL:
        return name
    digest = sha256(name.encode()).hexdigest()[:_HASH]
    return f"{name[: MAX_LABEL - _HASH - 1].rstrip('-')}-{digest}"


def space_namespace(space: str, prefix: str) -> str:
    """Name the namespace that a space owns."""
    return f"{prefix}{space}"


def session_pod_name(session: str) -> str:
    """Name the pod of a session: as the session, so that ``kubectl logs`` needs no look-up."""
    return session


def session_claim_name(session: str) -> str:
    """Name the volume claim of a session."""
    return session


def build_job_name(build_id: str) -> str:
    """Name the Job of a build."""
    return f"build-{build_id}"


def image_repository(space: str) -> str:
    """Name the image repository of a space, below the registry."""
    return f"raworc_space_{space}"


def session_id(metadata: Mapping[str, Any]) -> str:
    """Return the id under which the API knows a session.

    The API labels the sessions it creates; any other is known by its uid.
    """
    labelled: str | None = (metadata.get("labels") or {}).get(SESSION_ID_LABEL)
    return labelled or str(metadata["uid"])
