"""What the operator's liveness says."""

from dataclasses import replace

import kopf
import pytest
from tests.unit.raworc_operator.conftest import Bed

from raworc_operator.context import Context
from raworc_operator.health import health
from raworc_operator.resync import Resync
from raworc_operator.workqueue import WorkQueue

IDLE = {"runs": 0, "failures": 0, "waiting": 0, "running": 0}


@pytest.fixture
def context(bed: Bed) -> Context:
    """A context whose queues have a thread each, which nobody has started."""
    queues = WorkQueue("sessions", 1), WorkQueue("spaces", 1)
    return replace(bed.context, session_queue=queues[0], space_queue=queues[1])


def test_an_operator_that_works_says_how_much_it_did(context: Context) -> None:
    resync = Resync(context)
    context.session_queue.start(lambda _: None)
    context.space_queue.start(lambda _: None)
    resync.start()
    try:
        found = health(context, resync)
    finally:
        for thread in (resync, context.session_queue, context.space_queue):
            thread.stop()
    assert found == {"sessions": IDLE, "spaces": IDLE, "resync": {"looks": 0, "failures": 0}}


def test_each_thread_that_does_not_work_is_named(context: Context) -> None:
    with pytest.raises(kopf.PermanentError) as caught:
        health(context, Resync(context))
    assert str(caught.value).split(". ") == [
        "sessions: 1 threads ended",
        "spaces: 1 threads ended",
        "The thread of the resync ended.",
    ]
