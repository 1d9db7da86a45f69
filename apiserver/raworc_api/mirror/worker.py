"""The threads that work for the mirror: one reads the outbox, a few do what is queued.

A worker takes a task, does it, and lets go of its record; each task is on its own:

* What the cluster refuses or cannot do now, the exporter has written into the record and its row.
* When the database or the cluster does not answer, the task is made again later. The worker rests
  a moment, as the next task would meet the same.
* What nobody foresaw is logged with the record. The task is made again, at most every half minute:
  an object that this version cannot handle costs a line in the log, and holds nobody else.

Before each task a worker asks whether this replica still holds the lease. The lease lasts longer
than any request that a task makes (``raworc_kube.lease``), so no write is late.
"""

import logging
import threading
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from raworc_api.core.database import Database
from raworc_api.mirror import outbox
from raworc_api.mirror.exporter import Exporter
from raworc_api.mirror.importer import Importer
from raworc_api.mirror.loop import UNANSWERED
from raworc_api.mirror.queue import Absence, Lane, ObjectEvent, Row, Task, WorkQueue

# Heals hints that were lost.
_LOOK_SECONDS = 2.0
_PAUSE_SECONDS = 1.0
_BATCH = 50
_FEW = 10

logger = logging.getLogger(__name__)


class OutboxReader:
    """Queues the records whose rows in the outbox are due."""

    def __init__(self, database: Database, queue: WorkQueue, may_write: Callable[[], bool]) -> None:
        self._database = database
        self._queue = queue
        self._may_write = may_write
        self._wait = 0.0

    def step(self, stop: threading.Event) -> None:
        """Wait until there may be rows, then read those that are due."""
        self._queue.wait_for_hint(self._wait)
        self._wait = _LOOK_SECONDS
        if stop.is_set() or not self._may_write():
            stop.wait(_PAUSE_SECONDS)
            self._wait = 0.0
            return
        try:
            self.read()
        except SQLAlchemyError as error:
            logger.warning("The outbox was not read: %s", error)

    def read(self) -> None:
        """Queue what is due; while much of it waits already, only what was asked for just now."""
        with self._database() as db:
            for lane in (Lane.WISHES, Lane.REPORTS):
                if self._queue.needs_rows(lane):
                    keys = outbox.due(db, _BATCH, are_reports=lane is Lane.REPORTS)
                    self._queue.put_rows(lane, keys, has_more=len(keys) == _BATCH)
                elif lane is Lane.WISHES:
                    # Else somebody's one wish would wait for a batch of ten thousand others.
                    self._queue.put_rows(lane, outbox.newest(db, _FEW), has_more=False)
            wait = outbox.seconds_to_next(db)
        self._wait = _LOOK_SECONDS if wait is None else min(wait, _LOOK_SECONDS)


class Worker:
    """Does one task after the other."""

    def __init__(
        self,
        queue: WorkQueue,
        exporter: Exporter,
        importer: Importer,
        may_write: Callable[[], bool],
    ) -> None:
        self._queue = queue
        self._exporter = exporter
        self._importer = importer
        self._may_write = may_write

    def step(self, stop: threading.Event) -> None:
        """Do the next task, if one comes soon."""
        if not self._may_write():
            stop.wait(_PAUSE_SECONDS)
            return
        task = self._queue.take(_LOOK_SECONDS)
        if task is not None and not self.do(task):
            stop.wait(_PAUSE_SECONDS)

    def do(self, task: Task) -> bool:
        """Do a task; say whether the neighbours that it needs answered."""
        try:
            self._do(task)
            self._queue.succeeded(task)
        except UNANSWERED as error:
            logger.warning("%s was not mirrored, and will be later: %s", task.key, error)
            self._queue.retry(task)
            return False
        except Exception:
            logger.exception("%s was not mirrored, and will be tried again.", task.key)
            self._put_off(task)
        finally:
            self._queue.done(task)
        return True

    def _do(self, task: Task) -> None:
        match task.item:
            case Row():
                freed = self._exporter.export(task.key)
                if freed is not None:
                    self._importer.take_freed(task.key, freed)
            case ObjectEvent(is_deleted=True) as event:
                self._importer.take_deleted(task.key, event)
            case ObjectEvent() as event:
                self._importer.take(task.key, event)
            case Absence(is_held=True) as absence:
                self._importer.show_absence(task.key, absence.uid)
            case Absence() as absence:
                self._importer.check_absence(task.key, absence)

    def _put_off(self, task: Task) -> None:
        if not isinstance(task.item, Row):
            self._queue.retry(task)
            return
        try:
            self._exporter.postpone(task.key)
        except SQLAlchemyError as error:
            logger.warning("The row of %s was not postponed: %s", task.key, error)
