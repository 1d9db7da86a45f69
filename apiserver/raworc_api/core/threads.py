"""Threads for what blocks, in bounded pools: one kind of work cannot take the threads of another.

A pool is as large as the connections behind it, so that who has a thread never waits for those.
"""

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

from raworc_api.core.problems import TooManyProblem

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Threads:
    """At most ``count`` threads; where ``queue`` is set, more callers than that are refused."""

    def __init__(self, count: int, queue: int | None = None) -> None:
        self._limiter = CapacityLimiter(count)
        self._most = None if queue is None else count + queue
        self._callers = 0

    async def run(
        self,
        call: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Call a function that blocks, when one of the threads is free."""
        # Counted here: callers of one turn of the event loop are not in the limiter's queue yet.
        if self._most is not None and self._callers >= self._most:
            raise TooManyProblem("Too many requests of this kind at once.", retry_after=1)
        self._callers += 1
        try:
            return await to_thread.run_sync(partial(call, *args, **kwargs), limiter=self._limiter)
        finally:
            self._callers -= 1
