"""The quota of a space."""

from raworc_crds import agent_session
from raworc_crds.group import GROUP
from raworc_crds.space import Quota
from raworc_kube.objects import Manifest
from raworc_operator.labels import labels

QUOTA_NAME = "raworc"

_SESSIONS = f"count/{agent_session.PLURAL}.{GROUP}"

# How a person who set the limit calls what Kubernetes counts.
RESOURCE_WORDS = {
    _SESSIONS: "sessions",
    "limits.cpu": "cpu",
    "limits.memory": "memory",
    "requests.storage": "storage",
}


def space_quota(space: str, namespace: str, quota: Quota) -> Manifest:
    """Build the limits of a whole space; its builds count as its sessions do."""
    limits = {
        _SESSIONS: quota.sessions,
        "limits.cpu": quota.cpu,
        "limits.memory": quota.memory,
        "requests.storage": quota.storage,
    }
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {
            "name": QUOTA_NAME,
            "namespace": namespace,
            "labels": labels(space, "space"),
        },
        "spec": {"hard": {name: str(limit) for name, limit in limits.items() if limit is not None}},
    }
