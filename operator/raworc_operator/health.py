"""What liveness asks: whether the operator's own threads still work."""

from typing import Any

import kopf

from raworc_operator.context import Context
from raworc_operator.resync import Resync


@kopf.on.probe(id="queues")
async def report_health(memo: Any, **_: Any) -> dict[str, Any]:  # noqa: ANN401 - kopf's memo
    """Answer with a few counters; an error has the pod restarted."""
    return health(memo.context, memo.resync)


def health(context: Context, resync: Resync) -> dict[str, Any]:
    """Count what the threads did; one that is stuck or has ended is an error."""
    queues = {"sessions": context.session_queue, "spaces": context.space_queue}
    problems = [queue.problem() for queue in queues.values()] + [resync.problem()]
    found = " ".join(problem for problem in problems if problem)
    if found:
        raise kopf.PermanentError(found)
    return {
        **{name: queue.statistics() for name, queue in queues.items()},
        "resync": {"looks": resync.looks, "failures": resync.failures},
    }
