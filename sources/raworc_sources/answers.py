"""Questions that are asked again until they are answered.

The operator has few threads and gives a question a second. What takes longer goes on here, and the
same question, asked again, finds its answer. A good answer is given once: whoever asks after that
wants to know how things are now. A fault is kept for some seconds, so that an operator which looks
at a Space again and again does not make a repository be asked as often.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar, cast

T = TypeVar("T")

_logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 1.0
_FAULT_KEPT_SECONDS = 5.0
# An asker that was deleted does not come for its answer.
_ANSWER_KEPT_SECONDS = 120.0
_MOST_AT_ONCE = 5_000


class StillAskingError(Exception):
    """The answer has not come yet."""

    def __init__(self) -> None:
        super().__init__("Repositories and the registry are being asked.")


class Answers:
    """What is being asked, and what was answered; belongs to one event loop."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    async def get(
        self, question: str, ask: Callable[[], Coroutine[Any, Any, T]], *, is_slow: bool = False
    ) -> T:
        """Return the answer to a question, or raise its fault; nobody waits for a slow one."""
        task = self._tasks.get(question)
        if task is None:
            if len(self._tasks) >= _MOST_AT_ONCE:
                raise StillAskingError
            task = self._tasks[question] = asyncio.create_task(ask())
            task.add_done_callback(partial(self._ended, question))
            await asyncio.wait({task}, timeout=0 if is_slow else _PATIENCE_SECONDS)
        if not task.done():
            raise StillAskingError
        if task.exception() is None:
            self._tasks.pop(question, None)
        else:
            self._forget(question, task, _FAULT_KEPT_SECONDS)
        return cast("T", task.result())

    def _ended(self, question: str, task: "asyncio.Task[Any]") -> None:
        # A fault that nobody comes for is none that asyncio should complain of.
        if not task.cancelled() and task.exception():
            _logger.debug("%s: %s", question, task.exception())
        self._forget(question, task, _ANSWER_KEPT_SECONDS)

    def _forget(self, question: str, task: "asyncio.Task[Any]", seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._drop, question, task)

    def _drop(self, question: str, task: "asyncio.Task[Any]") -> None:
        if self._tasks.get(question) is task:
            del self._tasks[question]
