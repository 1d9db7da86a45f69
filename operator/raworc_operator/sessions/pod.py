"""The pod of a session: its host, and beside it its agents, which are not trusted.

What holds the pod's token never runs code of agents, and sees nothing that agents can write but
the one socket between them; what runs agents has no token of any kind. (docs/decisions/0010)
"""

from collections.abc import Sequence

from raworc_crds.group import SESSION_ID_LABEL, TOKEN_AUDIENCE
from raworc_crds.names import SESSION_ACCOUNT, session_claim_name, session_id, session_pod_name
from raworc_crds.wire import dump
from raworc_kube.objects import Manifest, owner_reference
from raworc_operator.labels import SESSION_COMPONENT, labels
from raworc_operator.sessions.pod_status import AGENT_CONTAINER, HOST_CONTAINER
from raworc_operator.sessions.resources import session_resources
from raworc_operator.sessions.view import (
    REPLACES_ANNOTATION,
    RESTARTS_ANNOTATION,
    SessionSnapshot,
    former_blocker,
    next_restarts,
)
from raworc_operator.settings import Settings

AGENT_USER = 10001
HOST_USER = 10002
SESSION_DIR = "/session"
SOCKET_DIR = "/run/raworc"
TOKEN_DIR = "/var/run/secrets/raworc"  # noqa: S105 - a folder, not a token
DEFAULT_BUSY_TIMEOUT_SECONDS = 600
_TOKEN_SECONDS = 3600
_GRACE_SECONDS = 30
# What the host needs for an answer of 16 MiB; a quota counts it beside what the agents may use.
HOST_LIMITS = {"cpu": "1", "memory": "128Mi"}
_HOST_RESOURCES = {
    "requests": {"cpu": "10m", "memory": "32Mi"},
    "limits": HOST_LIMITS,
}


def session_pod(
    view: SessionSnapshot, settings: Settings, image_pull_secrets: Sequence[Manifest] = ()
) -> Manifest:
    """Build the pod that runs the host of a session, and its agents from the image of its space."""
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
                # The volume's, and that of the folder of the socket: agents may connect to it.
                "fsGroup": AGENT_USER,
                # A volume that was used before is not walked through again at each restore.
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "imagePullSecrets": list(image_pull_secrets),
            # In this order: the host listens by the time the runner wants to connect.
            "containers": [_host_container(view, settings), _agent_container(view, settings)],
            "volumes": _volumes(view),
        },
    }


def _metadata(view: SessionSnapshot) -> Manifest:
    metadata = view.session["metadata"]
    blocker = former_blocker(view)
    replaces = (
        f"It replaces one that failed ({blocker.reason}: {blocker.message})" if blocker else ""
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
            # What `kubectl exec` and `kubectl logs` mean where they name none.
            "kubectl.kubernetes.io/default-container": AGENT_CONTAINER,
            **({REPLACES_ANNOTATION: replaces} if replaces else {}),
        },
        "ownerReferences": [owner_reference(view.session)],
    }


def _host_container(view: SessionSnapshot, settings: Settings) -> Manifest:
    return {
        "name": HOST_CONTAINER,
        "image": settings.image,
        "imagePullPolicy": "IfNotPresent",
        # Without `site`: of the image's libraries the host needs none.
        "command": ["python", "-S", "-P", "-m", "raworc_host"],
        "env": _variables(_host_environment(view, settings)),
        "resources": _HOST_RESOURCES,
        "securityContext": _security(HOST_USER),
        "volumeMounts": [
            {"name": "socket", "mountPath": SOCKET_DIR},
            {"name": "token", "mountPath": TOKEN_DIR, "readOnly": True},
        ],
    }


def _agent_container(view: SessionSnapshot, settings: Settings) -> Manifest:
    own = dump(view.spec.resources) if view.spec.resources else None
    return {
        "name": AGENT_CONTAINER,
        "image": view.image,
        "imagePullPolicy": "IfNotPresent",
        "env": _variables(_agent_environment(view, settings)),
        "resources": session_resources(
            own, _space_spec(view).get("resources"), defaults=settings.session_resources
        ),
        "securityContext": _security(AGENT_USER),
        "volumeMounts": [
            {"name": "session", "mountPath": SESSION_DIR},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a mount of the pod's own
            # An agent may connect to the socket, but not put another in its place.
            {"name": "socket", "mountPath": SOCKET_DIR, "readOnly": True},
        ],
    }


def _security(user: int) -> Manifest:
    return {
        "runAsUser": user,
        "runAsGroup": user,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def _variables(environment: dict[str, str]) -> list[Manifest]:
    return [{"name": name, "value": value} for name, value in environment.items()]


def _host_environment(view: SessionSnapshot, settings: Settings) -> dict[str, str]:
    timeout = (
        view.spec.busy_timeout_seconds
        or _space_spec(view).get("busyTimeoutSeconds")
        or DEFAULT_BUSY_TIMEOUT_SECONDS
    )
    authorities = settings.hosts_authorities
    return {
        "RAWORC_API_URL": settings.api_url,
        "RAWORC_BUSY_TIMEOUT_SECONDS": str(timeout),
    } | ({"RAWORC_API_AUTHORITIES": authorities} if authorities else {})


def _agent_environment(view: SessionSnapshot, settings: Settings) -> dict[str, str]:
    return {
        "RAWORC_SESSION_ID": session_id(view.session["metadata"]),
        "RAWORC_SPACE": view.spec.space,
        "RAWORC_SPACE_ID": (view.space or {})["metadata"]["uid"],
        "RAWORC_API_URL": settings.api_url,
        "RAWORC_SESSION_DIR": SESSION_DIR,
        "RAWORC_AGENTS_DIR": "/opt/raworc/agents",
        "RAWORC_STATE_DIR": f"{SESSION_DIR}/state",
        "RAWORC_CACHE_DIR": f"{SESSION_DIR}/cache",
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
        {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
        {"name": "socket", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": token}]}},
    ]


def _space_spec(view: SessionSnapshot) -> Manifest:
    return (view.space or {}).get("spec") or {}
