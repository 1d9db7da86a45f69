"""One look at the database every two seconds, for everyone who waits in this replica.

It has a thread and a connection of its own, so that it says truly whether the database answers:
readiness is the age of the last look that succeeded, and asking for it takes no thread at all.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from raworc_api.core.database import UNAVAILABLE, Database, Transaction, check_database
from raworc_api.core.problems import UnavailableProblem
from raworc_api.core.threads import Threads
from raworc_api.core.wake import Bus

_LOOK_SECONDS = 2.0
# A short stall is not worth a cut of every open stream; the probe waits for three failures, too.
_GOOD_SECONDS = 8.0

# So many names are asked for in one query.
_STEP = 1000

Values = Mapping[str, object]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """How the values of topics with a prefix are read, for many names at once."""

    prefix: str
    read: Callable[[Transaction, Sequence[str]], Values]


class Looks:
    """Looks again and again, wakes who saw something else, and knows when that last succeeded."""

    def __init__(
        self,
        database: Database,
        threads: Threads,
        bus: Bus,
        questions: Sequence[Question] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._threads = threads
        self._bus = bus
        self._questions = questions
        self._clock = clock
        self._succeeded = float("-inf")

    def check(self) -> None:
        """Say that the database answers, or refuse."""
        if self._clock() - self._succeeded > _GOOD_SECONDS:
            raise UnavailableProblem("The database does not answer. Try again soon.")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look for as long as the block lasts."""
        await self.look()
        task = asyncio.create_task(self._look_for_ever())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def look(self) -> None:
        """Look once."""
        try:
            await self._threads.run(check_database, self._database)
        except UNAVAILABLE as error:
            logger.warning("The database did not answer a look: %s", error)
            return
        self._succeeded = self._clock()
        for question in self._questions:
            try:
                await self._ask(question)
            except Exception:
                # What one question stumbles over holds back no other, and ends no look to come.
                logger.exception("The look at '%s' failed.", question.prefix)

    async def _ask(self, question: Question) -> None:
        names = self._bus.waited_for(question.prefix)
        for first in range(0, len(names), _STEP):
            step = names[first : first + _STEP]
            values = await self._threads.run(self._read, question, step)
            for name in step:
                self._bus.remind(question.prefix + name, values.get(name))

    def _read(self, question: Question, names: Sequence[str]) -> Values:
        with self._database() as db:
            return question.read(db, names)

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self.look()
