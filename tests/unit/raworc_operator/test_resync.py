"""When the resync looks, and that nothing ends it."""

import threading
import time
from collections.abc import Callable

import pytest

from raworc_kube.errors import ClusterError
from raworc_operator import resync as module
from raworc_operator.resync import Resync

WAIT = 10
Looks = list[float]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """Note every look; while ``faults`` has an error, a look raises it instead."""
    done: Looks = []
    monkeypatch.setattr(module, "look_at_everything", lambda _, spread: done.append(spread))
    monkeypatch.setattr(module, "_QUIET_SECONDS", 0.02)
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.02)
    return done


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_many_requests_at_once_are_one_look(looks: Looks) -> None:
    resync = Resync(None)  # type: ignore[arg-type]  # the look is replaced
    resync.start()
    for _ in range(1000):
        resync.request()
    eventually(lambda: resync.looks == 1)
    resync.request()
    eventually(lambda: resync.looks == 2)
    resync.stop()
    # The first round of the spaces is spread over seconds, those after it over the interval.
    assert looks == [5, 60]


def test_it_looks_after_each_interval_without_being_asked(looks: Looks) -> None:
    resync = Resync(None, seconds=0.02)  # type: ignore[arg-type]
    resync.start()
    eventually(lambda: len(looks) >= 3)
    resync.stop()
    assert resync.problem() is None


@pytest.mark.parametrize("error", [ClusterError("It is away."), KeyError("metadata")])
def test_a_look_that_fails_is_repeated(
    looks: Looks, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    faults = [error, error]

    def look(_: object, spread: float) -> None:
        if faults:
            raise faults.pop()
        looks.append(spread)

    monkeypatch.setattr(module, "look_at_everything", look)
    resync = Resync(None)  # type: ignore[arg-type]
    resync.start()
    resync.request()
    eventually(lambda: resync.looks == 1)
    assert (resync.failures, resync.problem()) == (2, None)
    resync.stop()


def test_a_look_that_never_ends_is_reported(looks: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    del looks
    begun, go_on = threading.Event(), threading.Event()

    def look(_: object, spread: float) -> None:
        del spread
        begun.set()
        go_on.wait(WAIT)

    monkeypatch.setattr(module, "look_at_everything", look)
    now = [0.0]
    resync = Resync(None, clock=lambda: now[0])  # type: ignore[arg-type]
    resync._next = 0.0
    resync.start()
    assert begun.wait(WAIT)
    assert resync.problem() is None
    now[0] = 301
    assert resync.problem() == "The resync has hung for 301 s."
    go_on.set()
    resync.stop()


def test_a_thread_that_ended_is_reported() -> None:
    assert Resync(None).problem() == "The thread of the resync ended."  # type: ignore[arg-type]
