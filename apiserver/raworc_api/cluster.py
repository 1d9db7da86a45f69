"""What the API asks of the cluster, and what can go wrong there."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from raworc_crds import agent_session, space
from raworc_crds.group import API_VERSION

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object, and where the cluster keeps it."""

    api_version: str
    kind: str
    plural: str
    is_namespaced: bool


SPACES = Resource(API_VERSION, space.KIND, space.PLURAL, is_namespaced=False)
SESSIONS = Resource(API_VERSION, agent_session.KIND, agent_session.PLURAL, is_namespaced=True)
LEASES = Resource("coordination.k8s.io/v1", "Lease", "leases", is_namespaced=True)


@dataclass(frozen=True, slots=True)
class Key:
    """The name of one object; cluster-scoped ones have no namespace."""

    resource: Resource
    name: str
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """All objects of a kind, and the version from which to watch on."""

    items: list[Manifest]
    version: str


@dataclass(frozen=True, slots=True)
class Event:
    """What a watch tells: ``ADDED``, ``MODIFIED``, ``DELETED`` or ``BOOKMARK``, of an object."""

    type: str
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class PodIdentity:
    """The pod that a projected token was made for."""

    namespace: str
    service_account: str
    pod_name: str
    pod_uid: str


class ClusterError(Exception):
    """The cluster did not do what it was asked; it may do so later."""


class ObjectNotFoundError(ClusterError):
    """The object, its namespace or its kind is not there."""


class ObjectConflictError(ClusterError):
    """The object is there already, is another one, or changed in between."""


class InvalidObjectError(ClusterError):
    """The cluster refuses the object as it is, now and for good."""


class ForbiddenObjectError(ClusterError):
    """The cluster does not allow it now: a quota, a role, or a namespace that is being deleted."""


class VersionGoneError(ClusterError):
    """The version to watch from is too old; list again."""


class Cluster(Protocol):
    """A cluster, seen from the API server; any call may raise ``ClusterError``."""

    def read(self, key: Key) -> Manifest:
        """Return one object as it is now."""

    def apply(self, key: Key, manifest: Manifest) -> Manifest:
        """Make the object have every field of ``manifest``, taking them over where needed."""

    def merge(self, key: Key, changes: Manifest) -> Manifest:
        """Change the fields that ``changes`` names, and drop those that it says are ``None``."""

    def create(self, key: Key, manifest: Manifest) -> Manifest:
        """Make a new object."""

    def replace(self, key: Key, manifest: Manifest) -> Manifest:
        """Put ``manifest`` in the place of the version of the object that it names."""

    def delete(self, key: Key, uid: str | None) -> None:
        """Delete an object, but none of another ``uid``; what it owns goes in the background."""

    def list_all(self, resource: Resource) -> Listing:
        """Return all objects of a kind."""

    def watch(self, resource: Resource, version: str) -> Iterator[Event]:
        """Tell what happens after ``version``; ends by itself after at most a minute."""

    def running_pod_uid(self, namespace: str, name: str) -> str | None:
        """Return the uid of a pod that is there and has not ended."""

    def build_logs(self, namespace: str, job: str) -> str:
        """Return what the containers of a Job's newest pod wrote."""

    def review_token(self, token: str) -> PodIdentity | None:
        """Return the pod that a projected token of our audience proves, if it proves one."""
