"""Listing and watching one kind of object, for as long as the mirror runs here.

A list is where the mirror learns what is *not* there, so it is taken with care:

1. The identity of cluster and definitions is read.
2. The records that have an object are read, and only then the list: what was made meanwhile
   cannot look as if it were missing. A list of many pages is of one version, or fails as a whole.
3. The identity is read again. If it changed, the list is worth nothing, and is taken anew.
4. If the identity is not the one that the records belong to, their objects are forgotten and asked
   for again, and the new identity is recorded, in one transaction. Else what is missing is noted.

A database of before there were identities, or a new one, has none: then the cluster is the records'
own if it has at least one of their objects, or if they have none (``docs/decisions/0022``).

Both kinds are watched in threads of their own, and each has its own record of the identity. The
identity is looked at before each watch, which ends within a minute, and when a kind is not found.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from raworc_api.core.database import Database
from raworc_api.mirror.absences import Absences
from raworc_api.mirror.identity import (
    Identity,
    IdentityGuard,
    read_identity,
    record_identity,
    recorded_identity,
)
from raworc_api.mirror.kinds import Kind
from raworc_api.mirror.loop import UNANSWERED
from raworc_api.mirror.outbox import RecordKey
from raworc_api.mirror.queue import Lane, ObjectEvent, WorkQueue
from raworc_kube.client import Cluster, Event
from raworc_kube.errors import ClusterError, VersionGoneError
from raworc_kube.objects import Manifest

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0

logger = logging.getLogger(__name__)


class Watch:
    """Queues all objects of a kind, and then whatever happens to them."""

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        cluster: Cluster,
        database: Database,
        kind: Kind[Any],
        guard: IdentityGuard,
        absences: Absences,
        queue: WorkQueue,
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._database = database
        self._kind = kind
        self._guard = guard
        self._absences = absences
        self._queue = queue
        self._now = now
        self._clock = clock
        self._identity: Identity | None = None
        self._version: str | None = None
        self._pause = _FIRST_PAUSE

    def step(self, stop: threading.Event) -> None:
        """List if that is needed, and watch until the watch ends."""
        try:
            self._follow(stop)
            self._pause = _FIRST_PAUSE
        except VersionGoneError:
            self._version = None
        except UNANSWERED as error:
            # After a break nobody knows what happened meanwhile, so who is asked next may be new.
            logger.warning("Watching %s: %s", self._kind.resource.plural, error)
            stop.wait(self._pause)
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def list(self) -> None:
        """Queue all objects that exist, and find out which are missing."""
        identity = read_identity(self._cluster)
        with self._database() as db:
            known = self._kind.known(db)
        listing = self._cluster.list_all(self._kind.resource)
        if read_identity(self._cluster) != identity:
            raise ClusterError("The definitions were replaced while their objects were listed.")
        present = {
            key: str(manifest["metadata"]["uid"])
            for manifest in listing.items
            if (key := self._key(manifest)) is not None
        }
        # Before the records are changed, so that who works on one finds out (see the exporter).
        self._guard.expect(identity)
        if self._meet(identity, known, present):
            missing = {key: uid for key, uid in known.items() if key not in present}
            self._absences.note(self._kind.resource.name, missing, len(known), identity)
        self._identity, self._version = identity, listing.version
        for manifest in listing.items:
            self._put(manifest)

    def _follow(self, stop: threading.Event) -> None:
        if self._version is not None and read_identity(self._cluster) != self._identity:
            self._version = None
        if self._version is None:
            self.list()
        for event in self._cluster.watch(self._kind.resource, str(self._version)):
            if stop.is_set():
                return
            self._take(event)

    def _meet(
        self, identity: Identity, known: dict[RecordKey, str], present: dict[RecordKey, str]
    ) -> bool:
        """Say whether the records belong to this cluster; if not, make them."""
        kind = self._kind.resource.name
        with self._database() as db:
            recorded = recorded_identity(db, kind)
            if recorded == identity:
                return True
            is_known = not known or bool(set(known.values()) & set(present.values()))
            is_theirs = recorded is None and is_known
            if not is_theirs:
                self._kind.reset(db, None)
            record_identity(db, kind, identity, self._now())
            db.commit()
        if not is_theirs:
            logger.warning(
                "This is another cluster than before, or the definitions were installed anew: "
                "%d %s are created as they are recorded.",
                len(known),
                self._kind.resource.plural,
            )
            self._queue.hint()
        return is_theirs

    def _take(self, event: Event) -> None:
        self._version = event.manifest["metadata"]["resourceVersion"]
        if event.type != "BOOKMARK":
            self._put(event.manifest, is_deleted=event.type == "DELETED")

    def _put(self, manifest: Manifest, *, is_deleted: bool = False) -> None:
        # Who owns which field is the bulk of an object, and nothing that the mirror asks.
        manifest["metadata"].pop("managedFields", None)
        key = self._key(manifest)
        if key is not None:
            event = ObjectEvent(manifest, self._clock(), self._identity, is_deleted)
            self._queue.put(Lane.IMPORTS, key, event)

    def _key(self, manifest: Manifest) -> RecordKey | None:
        try:
            key = self._kind.record_key(manifest)
        except (KeyError, TypeError):
            key = None
        if key is None:
            metadata = manifest["metadata"]
            where = metadata.get("namespace")
            logger.info("%s/%s is in no space's namespace.", where, metadata["name"])
        return key
