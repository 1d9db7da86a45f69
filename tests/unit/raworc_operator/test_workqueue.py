"""The queue of reconciles: one at a time for each object, retried, and never stuck in silence."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from raworc_operator.workqueue import WorkQueue

WAIT = 10


class PassingError(Exception):
    """Something that goes away by itself."""


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def queue() -> Iterator[WorkQueue]:
    made = WorkQueue("test", 4, (PassingError,))
    yield made
    made.stop()


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_of_many_triggers_during_a_reconcile_one_more_is_made(queue: WorkQueue) -> None:
    begun, go_on, runs = threading.Event(), threading.Event(), []

    def reconcile(key: str) -> None:
        runs.append(key)
        begun.set()
        assert go_on.wait(WAIT)

    queue.start(reconcile)
    queue.add("a")
    assert begun.wait(WAIT)
    for _ in range(5):
        queue.add("a")
    assert runs == ["a"]
    go_on.set()
    eventually(lambda: queue.statistics() == {"runs": 2, "failures": 0, "waiting": 0, "running": 0})


def test_objects_do_not_wait_for_each_other(queue: WorkQueue) -> None:
    both, done = threading.Barrier(2), threading.Semaphore(0)

    def reconcile(_: str) -> None:
        both.wait(WAIT)
        done.release()

    queue.start(reconcile)
    queue.add("a")
    queue.add("b")
    assert done.acquire(timeout=WAIT)
    assert done.acquire(timeout=WAIT)


def test_a_reconcile_that_asks_for_another_gets_it(queue: WorkQueue) -> None:
    answers, done = iter([0.01, None]), threading.Event()

    def reconcile(_: str) -> float | None:
        answer = next(answers)
        if answer is None:
            done.set()
        return answer

    queue.start(reconcile)
    queue.add("a")
    assert done.wait(WAIT)


def test_the_earliest_wish_counts(queue: WorkQueue) -> None:
    runs: list[str] = []
    queue.start(runs.append)
    queue.add("a", 3600)
    queue.add("a")
    eventually(lambda: runs == ["a"])
    queue.add("b", 0.01)
    queue.add("b", 3600)
    eventually(lambda: runs == ["a", "b"])
    assert queue.statistics()["waiting"] == 0


@pytest.mark.parametrize("error", [PassingError, KeyError, MemoryError])
def test_whatever_a_reconcile_raises_is_tried_again(
    queue: WorkQueue, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr("raworc_operator.workqueue._FIRST_RETRY_SECONDS", 0.01)
    failures, done = iter([True, True, False]), threading.Event()

    def reconcile(_: str) -> None:
        if next(failures):
            raise error("x")
        done.set()

    queue.start(reconcile)
    queue.add("a")
    assert done.wait(WAIT)
    eventually(lambda: queue.statistics()["runs"] == 3)
    assert (queue.failures, dict(queue._retries), queue.problem()) == (2, {}, None)


def test_a_fault_that_nobody_foresaw_is_logged_with_the_object(
    queue: WorkQueue, caplog: pytest.LogCaptureFixture
) -> None:
    def reconcile(key: str) -> None:
        raise KeyError(f"of {key}")

    queue.start(reconcile)
    queue.add("Pod 'talk'")
    eventually(lambda: queue.failures == 1)
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert "Pod 'talk' failed" in record.message
    assert record.exc_info is not None


def test_a_fault_of_the_surroundings_is_a_warning_without_a_traceback(
    queue: WorkQueue, caplog: pytest.LogCaptureFixture
) -> None:
    def reconcile(_: str) -> None:
        raise PassingError("The cluster is away.")

    queue.start(reconcile)
    queue.add("a")
    eventually(lambda: queue.failures == 1)
    assert [(one.levelname, one.exc_info) for one in caplog.records] == [("WARNING", None)]


def test_retries_come_ever_later_up_to_a_minute() -> None:
    queue = WorkQueue("test", 0, (PassingError,))
    delays = [queue._retry_delay("a", PassingError()) for _ in range(8)]
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]


def test_nothing_is_kept_of_an_object_that_is_done(queue: WorkQueue) -> None:
    queue.start(lambda _: None)
    for number in range(50):
        queue.add(number)
    eventually(lambda: queue.runs == 50)
    kept: list[Any] = [queue._due, queue._heap, queue._running, queue._retries, queue._tasks]
    eventually(lambda: not any(kept))


def test_a_task_runs_as_a_reconcile_does(queue: WorkQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("raworc_operator.workqueue._FIRST_RETRY_SECONDS", 0.01)
    failures, done = iter([True, False]), threading.Event()

    def task() -> None:
        if next(failures):
            raise PassingError
        done.set()

    queue.start(lambda _: pytest.fail("This is no object."))
    queue.add("sweep", 0, task)
    assert done.wait(WAIT)
    eventually(lambda: not queue._tasks)


def test_nothing_begins_after_the_end(queue: WorkQueue) -> None:
    runs: list[str] = []
    queue.start(runs.append)
    queue.stop()
    queue.add("a")
    assert queue.statistics()["waiting"] == 0
    assert runs == []


def test_a_queue_in_which_nothing_ends_is_stuck() -> None:
    clock = Clock()
    queue = WorkQueue("test", 0, clock=clock)
    queue.add("a")
    clock.time += 299
    assert queue.problem() is None
    clock.time += 2
    assert queue.problem() == "test: nothing was reconciled for 301 s, though some is due."


def test_a_queue_that_is_slow_but_goes_on_is_not_stuck() -> None:
    clock = Clock()
    queue = WorkQueue("test", 0, clock=clock)
    queue.add("a")
    queue.add("b")
    clock.time += 301
    assert queue._take() == "a"
    queue._finish("a")
    assert queue.problem() is None


def test_a_reconcile_that_never_ends_is_reported() -> None:
    clock = Clock()
    queue = WorkQueue("test", 0, clock=clock)
    queue.add("a")
    queue._take()
    clock.time += 901
    assert queue.problem() == "test: the reconcile of a has run for 901 s."


def test_a_thread_that_ended_is_reported(queue: WorkQueue) -> None:
    assert queue.problem() == "test: 4 threads ended."
    queue.start(lambda _: None)
    assert queue.problem() is None
