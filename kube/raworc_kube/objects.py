"""Objects of the cluster as plain data: how they are named, and the few fields that all have."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from raworc_crds import agent_session, group, space

Manifest = dict[str, Any]


class Kind(NamedTuple):
    """One kind of object, and its place in the Kubernetes API."""

    api_version: str
    name: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """Return the path of an object, or of all of them."""
        core = "/" not in self.api_version
        parts = ["", "api" if core else "apis", self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        return "/".join([*parts, name] if name else parts)


SPACE = Kind(group.API_VERSION, space.KIND, space.PLURAL, namespaced=False)
SESSION = Kind(group.API_VERSION, agent_session.KIND, agent_session.PLURAL)
NAMESPACE = Kind("v1", "Namespace", "namespaces", namespaced=False)
POD = Kind("v1", "Pod", "pods")
CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
SECRET = Kind("v1", "Secret", "secrets")
QUOTA = Kind("v1", "ResourceQuota", "resourcequotas")
EVENT = Kind("v1", "Event", "events")
JOB = Kind("batch/v1", "Job", "jobs")
NETWORK_POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
NODE = Kind("v1", "Node", "nodes", namespaced=False)
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
TOKEN_REVIEW = Kind("authentication.k8s.io/v1", "TokenReview", "tokenreviews", namespaced=False)

_KINDS = {
    kind.name: kind
    for kind in (
        *(SPACE, SESSION, NAMESPACE, POD, CLAIM, SERVICE_ACCOUNT),
        *(CONFIG_MAP, SECRET, QUOTA, EVENT, JOB, NETWORK_POLICY),
        *(NODE, LEASE, TOKEN_REVIEW),
    )
}


class Key(NamedTuple):
    """One object of the cluster."""

    kind: Kind
    name: str
    namespace: str | None = None

    @property
    def path(self) -> str:
        """Return the path of the object in the Kubernetes API."""
        return self.kind.path(self.namespace, self.name)

    def __str__(self) -> str:
        """Name the object as a person would."""
        return f"{self.kind.name} '{self.name}'"


def kind_of(manifest: Mapping[str, Any]) -> Kind:
    """Return the kind of an object."""
    return _KINDS[manifest["kind"]]


def key_of(manifest: Mapping[str, Any]) -> Key:
    """Return the key of an object."""
    metadata = manifest["metadata"]
    return Key(kind_of(manifest), metadata["name"], metadata.get("namespace"))


def owner_reference(owner: Mapping[str, Any]) -> Manifest:
    """Refer to the one owner of a child, with which the child goes."""
    return {
        "apiVersion": group.API_VERSION,
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def is_owned_by(child: Mapping[str, Any], owner: Mapping[str, Any]) -> bool:
    """Say whether a child is this very owner's, and not that of one which had its name before."""
    uid = owner["metadata"]["uid"]
    references = child["metadata"].get("ownerReferences") or []
    return any(reference.get("uid") == uid for reference in references)


def is_going(manifest: Mapping[str, Any]) -> bool:
    """Say whether an object is being deleted."""
    return bool(manifest["metadata"].get("deletionTimestamp"))


def condition(manifest: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Return one condition of an object's status; an empty one where there is none."""
    conditions = (manifest.get("status") or {}).get("conditions") or []
    return next((found for found in conditions if found.get("type") == kind), {})


def time_text(moment: datetime) -> str:
    """Write a time as Kubernetes does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """Read a time as Kubernetes writes it."""
    return datetime.fromisoformat(text)
