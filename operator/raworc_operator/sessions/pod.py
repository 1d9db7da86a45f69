"""The pod of a session."""

from collections.abc import Sequence

from raworc_crds.group import SESSION_ID_LABEL, TOKEN_AUDIENCE
from raworc_crds.names import SESSION_ACCOUNT, session_claim_name, session_id, session_pod_name
from raworc_crds.wire import dump
from raworc_kube.objects import Manifest, owner_reference
from raworc_operator.labels import SESSION_COMPONENT, labels
from raworc_operator.sessions.resources import session_resources
from raworc_operator.sessions.view import (
    REPLACES_ANNOTATION,
    RESTARTS_ANNOTATION,
    SessionSnapshot,
    former_blocker,
    next_restarts,
)

SESSION_USER = 10001
SESSION_DIR = "/session"
TOKEN_DIR = "/var/run/secrets/raworc"  # noqa: S105 - a folder, not a token
DEFAULT_BUSY_TIMEOUT_SECONDS = 600
_TOKEN_SECONDS = 3600
_GRACE_SECONDS = 30


def session_pod(
    view: SessionSnapshot, api_url: str, image_pull_secrets: Sequence[Manifest] = ()
) -> Manifest:
    """Build the pod that runs the host of a session from the image of its space."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata(view),
        "spec": {
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": _GRACE_SECONDS,
            "serviceAccountName": SESSION_ACCOUNT,
            # Agents run code that a model wrote: they get no way to the Kubernetes API.
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": SESSION_USER,
                "runAsGroup": SESSION_USER,
                "fsGroup": SESSION_USER,
                # A volume that was used before is not walked through again at each restore.
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "imagePullSecrets": list(image_pull_secrets),
            "containers": [_host_container(view, api_url)],
            "volumes": _volumes(view),
        },
    }


def _metadata(view: SessionSnapshot) -> Manifest:
    metadata = view.session["metadata"]
    trouble = former_blocker(view)
    replaces = (
        f"It replaces one that failed ({trouble.reason}: {trouble.message})" if trouble else ""
    )
    return {
        "name": session_pod_name(view.name),
        "namespace": metadata["namespace"],
        "labels": {
            **labels(view.spec.space, SESSION_COMPONENT, view.name),
            SESSION_ID_LABEL: session_id(metadata),
        },
        "annotations": {
            RESTARTS_ANNOTATION: str(next_restarts(view)),
            **({REPLACES_ANNOTATION: replaces} if replaces else {}),
        },
        "ownerReferences": [owner_reference(view.session)],
    }


def _host_container(view: SessionSnapshot, api_url: str) -> Manifest:
    own = dump(view.spec.resources) if view.spec.resources else None
    return {
        "name": "host",
        "image": view.image,
        "imagePullPolicy": "IfNotPresent",
        "env": [
            {"name": name, "value": value} for name, value in _environment(view, api_url).items()
        ],
        "resources": session_resources(own, _space_spec(view).get("resources")),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "session", "mountPath": SESSION_DIR},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a mount of the pod's own
            {"name": "token", "mountPath": TOKEN_DIR, "readOnly": True},
        ],
    }


def _environment(view: SessionSnapshot, api_url: str) -> dict[str, str]:
    timeout = (
        view.spec.busy_timeout_seconds
        or _space_spec(view).get("busyTimeoutSeconds")
        or DEFAULT_BUSY_TIMEOUT_SECONDS
    )
    return {
        "RAWORC_SESSION_ID": session_id(view.session["metadata"]),
        "RAWORC_SPACE": view.spec.space,
        "RAWORC_SPACE_ID": (view.space or {})["metadata"]["uid"],
        "RAWORC_API_URL": api_url,
        "RAWORC_SESSION_DIR": SESSION_DIR,
        "RAWORC_AGENTS_DIR": "/opt/raworc/agents",
        "RAWORC_STATE_DIR": f"{SESSION_DIR}/state",
        "RAWORC_CACHE_DIR": f"{SESSION_DIR}/cache",
        "RAWORC_BUSY_TIMEOUT_SECONDS": str(timeout),
        "HOME": SESSION_DIR,
    } | ({"RAWORC_AGENT": view.spec.agent} if view.spec.agent else {})


def _volumes(view: SessionSnapshot) -> list[Manifest]:
    token = {
        "audience": TOKEN_AUDIENCE,
        "expirationSeconds": _TOKEN_SECONDS,
        "path": "token",
    }
    return [
        {
            "name": "session",
            "persistentVolumeClaim": {"claimName": session_claim_name(view.name)},
        },
        {"name": "tmp", "emptyDir": {}},
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": token}]}},
    ]


def _space_spec(view: SessionSnapshot) -> Manifest:
    return (view.space or {}).get("spec") or {}
