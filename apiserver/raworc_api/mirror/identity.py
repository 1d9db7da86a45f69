"""Which cluster the mirror speaks to, and whether it is the one that the records belong to.

A cluster is known by the uid of its namespace ``kube-system``, and our part of it by the uids of
the two definitions. All three count for both kinds: with the definition of Spaces go all Spaces,
and with these the namespaces and the sessions in them.

While a definition is being deleted, Kubernetes deletes every object of its kind, one by one, with
events like those of ``kubectl delete``. So no deletion is believed unless, *after* its event was
received, the definitions were read, were those under which the event came, and were not being
deleted. An event that is tried again when new definitions are in place is so never taken for one
of theirs. One look serves all events that were received before it (``docs/decisions/0022``).
"""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session

from raworc_api.mirror.tables import IdentityRecord
from raworc_kube.client import Cluster
from raworc_kube.errors import ClusterError
from raworc_kube.objects import NAMESPACE, SESSION, SPACE, Key, Kind, Manifest, is_going

DEFINITION = Kind(
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    namespaced=False,
)
CLUSTER_KEY = Key(NAMESPACE, "kube-system")


class Identity(NamedTuple):
    """The uids by which a cluster and our definitions in it are known."""

    cluster_uid: str
    spaces_uid: str
    sessions_uid: str


class DefinitionGoingError(ClusterError):
    """A definition of ours is being deleted."""


def definition_key(kind: Kind) -> Key:
    """Name the definition of one of our kinds."""
    return Key(DEFINITION, f"{kind.plural}.{kind.api_version.partition('/')[0]}")


def read_identity(cluster: Cluster) -> Identity:
    """Ask the cluster who it is; a definition that is missing or is being deleted is an error."""
    uids = []
    for key in (CLUSTER_KEY, definition_key(SPACE), definition_key(SESSION)):
        live = cluster.read(key)
        if is_going(live):
            raise DefinitionGoingError(f"{key} is being deleted.")
        uids.append(str(live["metadata"]["uid"]))
    return Identity(*uids)


def recorded_identity(db: Session, kind: str) -> Identity | None:
    """Return the identity under which a kind was last mirrored."""
    row = db.get(IdentityRecord, kind)
    return None if row is None else Identity(row.cluster_uid, row.spaces_uid, row.sessions_uid)


def record_identity(db: Session, kind: str, identity: Identity, now: datetime) -> None:
    """Record the identity under which a kind is mirrored from now on."""
    db.merge(IdentityRecord(kind=kind, recorded_at=now, **identity._asdict()))


def annotations(definition: Manifest) -> Mapping[str, str]:
    """Return what people wrote on a definition."""
    found: Mapping[str, str] = definition["metadata"].get("annotations") or {}
    return found


class IdentityGuard:
    """Says whether the cluster is still the one that was listed."""

    def __init__(self, cluster: Cluster, clock: Callable[[], float]) -> None:
        self._cluster = cluster
        self._clock = clock
        self._lock = threading.Lock()
        self._listed: Identity | None = None
        self._seen: Identity | None = None
        self._seen_at = float("-inf")

    @property
    def listed(self) -> Identity | None:
        """Return the identity under which objects were last listed."""
        return self._listed

    def expect(self, identity: Identity) -> None:
        """Say under which identity objects are listed; before records are changed for it."""
        self._listed = identity

    def confirms_now(self, identity: Identity | None) -> bool:
        """Say whether ``identity`` is the cluster's at this moment."""
        return self.confirms(identity, self._clock())

    def confirms(self, identity: Identity | None, since: float) -> bool:
        """Say whether ``identity`` was still the cluster's at some time after ``since``."""
        with self._lock:
            if self._seen == identity and self._seen_at >= since:
                return True
            began_at = self._clock()
            try:
                self._seen, self._seen_at = read_identity(self._cluster), began_at
            except DefinitionGoingError:
                return False
            return self._seen == identity
