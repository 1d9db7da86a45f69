"""The mirror as a whole: it stands by, and runs in the replica that holds the lease."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from raworc_api.cluster import Cluster
from raworc_api.core.database import Database
from raworc_api.core.wake import Bus
from raworc_api.mirror.exporter import Exporter
from raworc_api.mirror.importer import Importer
from raworc_api.mirror.inbox import Inbox
from raworc_api.mirror.kinds import Kind
from raworc_api.mirror.outbox import TOPIC
from raworc_api.mirror.session_kind import SessionKind
from raworc_api.mirror.space_kind import SpaceKind
from raworc_api.mirror.watch import Watch
from raworc_api.mirror.worker import Worker
from raworc_kube.lease import RENEW_SECONDS, Lease

# The Lease that the replica which runs the mirror holds.
MIRROR_LEASE = "raworc-mirror"
# The topic on which a replica that gives up the lease tells the others.
_LEASE_TOPIC = "mirror"
_JOIN_SECONDS = 10.0
# After the worker broke, so that a fault that stays does not fill the log.
_REST_SECONDS = 5.0

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
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)

    def start(self) -> None:
        """Stand by for the lease."""
        self._end_listening = self._bus.listen(_LEASE_TOPIC, self._wake.set)
        self._thread.start()

    def stop(self) -> None:
        """Stop, and give the lease to whoever wants it; call it before the bus is closed."""
        self._stop.set()
        self._wake.set()
        self._thread.join(_JOIN_SECONDS)
        self._end_listening()

    def is_alive(self) -> bool:
        """Say whether this replica runs the mirror or stands by for it, as it always should."""
        return self._thread.is_alive()

    def _run(self) -> None:
        term: _Term | None = None
        while not self._stop.is_set():
            is_ours = self._lease.try_hold()
            if term is not None and not (is_ours and term.is_alive()):
                self._end(term)
                term = None
            elif is_ours and term is None:
                term = self._begin()
            self._wake.wait(RENEW_SECONDS)
            self._wake.clear()
        if term is not None:
            self._end(term)

    def _begin(self) -> "_Term":
        logger.info("The mirror runs here.")
        kinds: tuple[Kind[Any], ...] = (SpaceKind(), SessionKind(self._prefix))
        term = _Term(self._cluster, self._database, self._bus, kinds, self._lease.may_write)
        term.start()
        return term

    def _end(self, term: "_Term") -> None:
        is_broken = not term.is_alive()
        term.stop()
        self._lease.release()
        self._bus.publish(_LEASE_TOPIC)
        logger.info("The mirror does not run here any more.")
        if is_broken:
            self._stop.wait(_REST_SECONDS)


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
        exporter = Exporter(cluster, database, bus, by_name, _now)
        importer = Importer(cluster, database, exporter, by_name, _now)
        self._inbox = Inbox()
        self._bus = bus
        self._stop = threading.Event()
        worker = Worker(database, exporter, importer, self._inbox, may_write, time.monotonic)
        self._worker = self._thread("mirror-worker", worker.run)
        self._watches = [
            self._thread(
                f"mirror-{kind.resource.plural}",
                Watch(cluster, kind.resource, kind.place, self._inbox).run,
            )
            for kind in by_name.values()
        ]

    def start(self) -> None:
        """Start to work."""
        self._end_listening = self._bus.listen(TOPIC, self._inbox.hint)
        for thread in (self._worker, *self._watches):
            thread.start()

    def stop(self) -> None:
        """Stop the worker; the watches end by themselves, and what they still say is not heard."""
        self._stop.set()
        self._inbox.hint()
        self._end_listening()
        self._worker.join(_JOIN_SECONDS)

    def is_alive(self) -> bool:
        """Say whether every thread still runs; one that ended met a fault that nobody foresaw."""
        return all(thread.is_alive() for thread in (self._worker, *self._watches))

    def _thread(self, name: str, run: Callable[[threading.Event], None]) -> threading.Thread:
        return threading.Thread(target=run, args=(self._stop,), name=name, daemon=True)


def _now() -> datetime:
    return datetime.now(UTC)
