"""The one thread that brings records and custom resources together, one at a time."""

import logging
import threading
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from raworc_api.core.database import Database
from raworc_api.mirror import outbox
from raworc_api.mirror.exporter import Exporter
from raworc_api.mirror.importer import Importer
from raworc_api.mirror.inbox import Inbox, Item, Listed
from raworc_kube.errors import ClusterError

# Heals hints that were lost.
_LOOK_SECONDS = 2.0
_PAUSE_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Worker:
    """Does what the outbox and the watches ask for, as long as it may.

    Applying a change and taking in an event of the same object must never cross, so there is one
    thread for both. ``may_write`` says whether this replica still holds the lease.
    """

    def __init__(
        self,
        database: Database,
        exporter: Exporter,
        importer: Importer,
        inbox: Inbox,
        may_write: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._exporter = exporter
        self._importer = importer
        self._inbox = inbox
        self._may_write = may_write
        self._clock = clock
        self._next_look = clock()

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set."""
        while not stop.is_set():
            if not self._may_write():
                stop.wait(_PAUSE_SECONDS)
                continue
            try:
                self.step()
            except SQLAlchemyError as error:
                logger.warning("The database did not answer the mirror: %s", error)
                stop.wait(_PAUSE_SECONDS)
            except ClusterError as error:
                logger.warning("The cluster did not answer the mirror: %s", error)
                stop.wait(_PAUSE_SECONDS)

    def step(self) -> None:
        """Do what is due in the outbox, then take in at most one item; wait if there is none."""
        if self._inbox.take_hint() or self._clock() >= self._next_look:
            self._empty_outbox()
        item = self._inbox.take(max(self._next_look - self._clock(), 0))
        if item is None:
            return
        try:
            self._handle(item)
        except (SQLAlchemyError, ClusterError):
            self._inbox.put_back(item)
            raise

    def _empty_outbox(self) -> None:
        # If this fails, it is tried again at once; a hint must not get lost with it.
        self._next_look = self._clock()
        while self._may_write():
            with self._database() as db:
                rows = outbox.due(db)
                wait = None if rows else outbox.seconds_to_next(db)
            if not rows:
                seconds = _LOOK_SECONDS if wait is None else min(wait, _LOOK_SECONDS)
                self._next_look = self._clock() + seconds
                return
            for row in rows:
                if self._may_write():
                    self._exporter.export(row)

    def _handle(self, item: Item) -> None:
        if isinstance(item, Listed):
            self._importer.take_absences(item.kind, set(item.present))
        elif item.is_deleted:
            self._importer.take_deleted(item.kind, item.manifest)
        else:
            self._importer.take(item.kind, item.manifest)
