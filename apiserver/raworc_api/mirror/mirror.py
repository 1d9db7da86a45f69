"""The mirror as a whole: every replica stands by, and the one that holds the Lease runs it.

In the leader there are, for one term of the Lease:

* a watch per kind, which lists and watches objects and queues what it sees (``watch``);
* the reader of the outbox, which queues records that changed through REST (``worker``);
* a few workers, which take from the queue (``queue``) and bring record and object together
  (``exporter``, ``importer``).

All of them are loops (``loop``): nothing that happens in a step ends its thread, and a step that
hangs shows in ``is_well``, by which the kubelet's probe has the process replaced. Nothing is kept
in memory that the next leader needs: it lists again, and reads the outbox.

A term ends when the Lease is lost or the server stops. Its workers finish the task in hand; each
looks at the Lease before the next one, and the Lease outlives any request, so two terms never write
at once. Decisions: ``docs/decisions/0001`` (two writers), ``0022`` (whose cluster it is), ``0023``
(lanes).
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from raworc_api.cluster import Cluster
from raworc_api.core.database import Database
from raworc_api.core.wake import Bus
from raworc_api.mirror.absences import Absences
from raworc_api.mirror.exporter import Exporter
from raworc_api.mirror.identity import IdentityGuard
from raworc_api.mirror.importer import Importer
from raworc_api.mirror.kinds import Kind
from raworc_api.mirror.loop import UNANSWERED, Loop
from raworc_api.mirror.outbox import TOPIC
from raworc_api.mirror.queue import WorkQueue
from raworc_api.mirror.session_kind import SessionKind
from raworc_api.mirror.space_kind import SpaceKind
from raworc_api.mirror.watch import Watch
from raworc_api.mirror.worker import OutboxReader, Worker
from raworc_kube.lease import RENEW_SECONDS, Lease

# The Lease that the replica which runs the mirror holds.
MIRROR_LEASE = "raworc-mirror"
# Each has at most one connection to the database, and so have the watches and the reader.
WORKERS = 3
# The topic on which a replica that gives up the lease tells the others.
_LEASE_TOPIC = "mirror"
_JOIN_SECONDS = 10.0
# Longer than the longest step: a few requests that time out, or a watch of a minute and its list.
_STEP_SECONDS = 120.0
_WATCH_SECONDS = 300.0

logger = logging.getLogger(__name__)


class Mirror:
    """Keeps records and custom resources the same, in threads of its own."""

    def __init__(
        self,
        cluster: Cluster,
        database: Database,
        bus: Bus,
        lease: Lease,
        namespace_prefix: str,
    ) -> None:
        self._cluster = cluster
        self._database = database
        self._bus = bus
        self._lease = lease
        self._prefix = namespace_prefix
        self._wake = threading.Event()
        self._term: _Term | None = None
        self._loop = Loop("mirror", self._step, _STEP_SECONDS)

    def start(self) -> None:
        """Stand by for the lease."""
        self._end_listening = self._bus.listen(_LEASE_TOPIC, self._wake.set)
        self._loop.start()

    def stop(self) -> None:
        """Stop, and give the lease to whoever wants it; call it before the bus is closed."""
        self._loop.stop()
        self._wake.set()
        self._loop.join(_JOIN_SECONDS)
        if self._term is not None:
            self._end(self._term)
        self._end_listening()

    def is_well(self) -> bool:
        """Say whether this replica runs the mirror, or stands by for it, as it always should."""
        term = self._term
        return self._loop.is_well() and (term is None or term.is_well())

    def _step(self, stop: threading.Event) -> None:
        is_ours = self._lease.try_hold()
        if self._term is not None and not is_ours:
            self._end(self._term)
        elif self._term is None and is_ours and not stop.is_set():
            self._term = self._begin()
        self._wake.wait(RENEW_SECONDS)
        self._wake.clear()

    def _begin(self) -> "_Term":
        logger.info("The mirror runs here.")
        kinds: tuple[Kind[Any], ...] = (SpaceKind(), SessionKind(self._prefix))
        term = _Term(self._cluster, self._database, self._bus, kinds, self._lease.may_write)
        term.start()
        return term

    def _end(self, term: "_Term") -> None:
        term.stop()
        self._term = None
        self._lease.release()
        self._bus.publish(_LEASE_TOPIC)
        logger.info("The mirror does not run here any more.")


class _Term:
    """The threads of the mirror while this replica holds the lease, and what they share."""

    def __init__(
        self,
        cluster: Cluster,
        database: Database,
        bus: Bus,
        kinds: Iterable[Kind[Any]],
        may_write: Callable[[], bool],
    ) -> None:
        by_name = {kind.resource.name: kind for kind in kinds}
        clock = time.monotonic
        self._bus = bus
        self._queue = queue = WorkQueue(clock)
        guard = IdentityGuard(cluster, clock)
        self._absences = Absences(cluster, database, by_name, queue, clock)
        exporter = Exporter(cluster, database, bus, by_name, guard, _now)
        importer = Importer(cluster, database, exporter, by_name, guard, _now)
        self._reader = OutboxReader(database, queue, may_write)
        worker = Worker(queue, exporter, importer, may_write)
        self._workers = [
            Loop(f"mirror-worker-{number}", worker.step, _STEP_SECONDS) for number in range(WORKERS)
        ]
        self._workers.append(Loop("mirror-outbox", self._read, _STEP_SECONDS))
        watches = {
            kind.resource.plural: Watch(
                cluster, database, kind, guard, self._absences, queue, now=_now, clock=clock
            )
            for kind in by_name.values()
        }
        self._watches = [
            Loop(f"mirror-{plural}", watch.step, _WATCH_SECONDS)
            for plural, watch in watches.items()
        ]

    def start(self) -> None:
        """Start to work."""
        self._end_listening = self._bus.listen(TOPIC, self._queue.hint)
        for loop in (*self._workers, *self._watches):
            loop.start()

    def stop(self) -> None:
        """Stop the workers; the watches end by themselves, and nobody takes what they queue."""
        for loop in (*self._workers, *self._watches):
            loop.stop()
        self._end_listening()
        self._queue.close()
        for loop in self._workers:
            loop.join(_JOIN_SECONDS)

    def is_well(self) -> bool:
        """Say whether every thread goes on."""
        return all(loop.is_well() for loop in (*self._workers, *self._watches))

    def _read(self, stop: threading.Event) -> None:
        self._reader.step(stop)
        try:
            self._absences.look_again()
        except UNANSWERED as error:
            logger.warning("The missing objects were not examined: %s", error)


def _now() -> datetime:
    return datetime.now(UTC)
