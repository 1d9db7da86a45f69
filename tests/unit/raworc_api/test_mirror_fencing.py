"""A replica that may not write for the mirror leaves everything to the one that may."""

import threading
from typing import NoReturn, cast

import pytest
from sqlalchemy.exc import OperationalError

from raworc_api.core.database import Database
from raworc_api.mirror.exporter import Exporter
from raworc_api.mirror.importer import Importer
from raworc_api.mirror.outbox import RecordKey
from raworc_api.mirror.queue import Lane, WorkQueue
from raworc_api.mirror.worker import OutboxReader, Worker

KEY = RecordKey("AgentSession", "team", "one")


class Counting:
    """A database that is away, and counts who asks for it."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> NoReturn:
        self.asked += 1
        raise OperationalError("select 1", {}, Exception("away"))


class Untouched:
    """Stands where nothing may be asked."""

    def __getattr__(self, name: str) -> NoReturn:
        pytest.fail(f"'{name}' was asked for.")


@pytest.fixture
def ended() -> threading.Event:
    """Have nobody wait: the loop is being stopped."""
    stop = threading.Event()
    stop.set()
    return stop


def test_a_worker_takes_no_task_while_it_may_not_write(ended: threading.Event) -> None:
    queue = WorkQueue()
    queue.put_rows(Lane.WISHES, [KEY], has_more=False)
    nobody = Untouched()
    worker = Worker(queue, cast("Exporter", nobody), cast("Importer", nobody), lambda: False)
    worker.step(ended)
    task = queue.take(0)
    assert task is not None
    assert task.key == KEY


@pytest.mark.parametrize("may_write", [False, True])
def test_the_outbox_is_read_by_whom_may_write(*, may_write: bool) -> None:
    database = Counting()
    reader = OutboxReader(cast("Database", database), WorkQueue(), lambda: may_write)
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    reader.step(stop)
    assert database.asked == int(may_write)
