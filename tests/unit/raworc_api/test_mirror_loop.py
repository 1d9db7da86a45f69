"""The mirror's threads: none ends by itself, and one that hangs is seen."""

import logging
import threading

import pytest

from raworc_api.mirror import loop as loops
from raworc_api.mirror.loop import Loop


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "_FIRST_PAUSE", 0.0)
    monkeypatch.setattr(loops, "_LONGEST_PAUSE", 0.0)


def test_an_error_that_nobody_foresaw_is_logged_and_the_loop_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done = threading.Event()
    steps = iter([ZeroDivisionError("one"), KeyError("two"), None])

    def step(stop: threading.Event) -> None:
        error = next(steps, None)
        if error is not None:
            raise error
        done.set()
        stop.wait(10)

    loop = Loop("worker", step, seconds=60)
    with caplog.at_level(logging.ERROR):
        loop.start()
        assert done.wait(10)
    assert loop.is_well()
    loop.stop()
    loop.join(10)
    assert not loop.is_well()
    assert [record.getMessage() for record in caplog.records] == ["A step of 'worker' failed."] * 2


def test_a_step_that_hangs_is_not_well() -> None:
    hanging, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def step(stop: threading.Event) -> None:
        hanging.set()
        go_on.wait(10)
        hanging.clear()
        over.set()
        stop.wait(0.01)

    loop = Loop("worker", step, seconds=0.2)
    loop.start()
    assert hanging.wait(10)
    over.wait(0.3)  # nothing sets it: time passes
    assert not loop.is_well()
    go_on.set()
    assert over.wait(10)
    loop.stop()
    loop.join(10)
