"""Reconciles take turns."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from raworc_operator.workqueue import WorkQueue

WAIT = 10


class PassingError(Exception):
    """Something that goes away by itself."""


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as made:
        yield made


@pytest.fixture
def turns(executor: ThreadPoolExecutor) -> Iterator[WorkQueue]:
    made = WorkQueue(executor, (PassingError,))
    made.start()
    yield made
    made.stop()


def test_of_many_triggers_during_a_pass_one_more_pass_is_made(
    turns: WorkQueue, executor: ThreadPoolExecutor
) -> None:
    begun, go_on, passes = threading.Event(), threading.Event(), []

    def callback() -> None:
        passes.append(1)
        begun.set()
        assert go_on.wait(WAIT)

    first = executor.submit(turns.take, "a", callback)
    assert begun.wait(WAIT)
    waiting = executor.submit(turns.take, "a", callback)
    while not turns._queued["a"]:
        pass
    for _ in range(5):
        turns.take("a", callback)
    go_on.set()
    first.result(WAIT)
    waiting.result(WAIT)
    assert len(passes) == 2


def test_objects_do_not_wait_for_each_other(turns: WorkQueue, executor: ThreadPoolExecutor) -> None:
    both = threading.Barrier(2)

    def callback() -> None:
        both.wait(WAIT)

    for future in [executor.submit(turns.take, key, callback) for key in ("a", "b")]:
        future.result(WAIT)


def test_a_pass_that_asks_for_another_gets_it(turns: WorkQueue) -> None:
    answers, done = iter([0.01, None]), threading.Event()

    def callback() -> float | None:
        answer = next(answers)
        if answer is None:
            done.set()
        return answer

    turns.take("a", callback)
    assert done.wait(WAIT)


def test_the_earliest_wish_counts(turns: WorkQueue) -> None:
    done = threading.Event()
    turns.later("a", 3600, lambda: None)
    turns.later("a", 0, done.set)
    turns.later("a", 3600, lambda: None)
    assert done.wait(WAIT)


def test_what_passes_by_itself_is_tried_again(
    turns: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("raworc_operator.workqueue._FIRST_RETRY_SECONDS", 0.01)
    failures, done = iter([True, True, False]), threading.Event()

    def callback() -> None:
        if next(failures):
            raise PassingError
        done.set()

    turns.take("a", callback)
    assert done.wait(WAIT)


def test_a_mistake_of_ours_is_not_hidden(turns: WorkQueue) -> None:
    def callback() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        turns.take("a", callback)


def test_what_is_gone_is_forgotten(turns: WorkQueue) -> None:
    turns.take("a", lambda: None)
    turns.later("a", 3600, lambda: None)
    turns.forget("a")
    assert (turns._locks, turns._due) == ({}, {})


def test_nothing_begins_after_the_end(turns: WorkQueue) -> None:
    turns.stop()
    turns.take("a", lambda: pytest.fail("it began"))
