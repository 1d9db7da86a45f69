"""What liveness asks: whether the operator's own threads still work."""

from typing import Any

import kopf

from raworc_operator.context import Context


@kopf.on.probe(id="queues")
async def report_health(memo: Any, **_: Any) -> dict[str, Any]:  # noqa: ANN401 - kopf's memo
    """Answer with a few counters; a stuck thread is an error, after which the pod is restarted."""
    context: Context = memo.context
    queues = {"sessions": context.session_queue, "spaces": context.space_queue}
    problems = [queue.problem() for queue in queues.values()] + [memo.resync.problem()]
    found = " ".join(problem for problem in problems if problem)
    if found:
        raise kopf.PermanentError(found)
    return {
        **{name: queue.statistics() for name, queue in queues.items()},
        "resync": {"looks": memo.resync.looks, "failures": memo.resync.failures},
    }
