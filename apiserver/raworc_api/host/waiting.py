"""Waiting for the next turn: woken by hints, and looking now and then in case one was lost."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from raworc_api.core.threads import Threads
from raworc_api.core.wake import Bus
from raworc_api.host.pods import HostPod
from raworc_api.host.schemas import TurnView
from raworc_api.host.service import HostService

LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class TurnWaiter:
    """Holds a host's request until there is something to answer."""

    host: HostService
    bus: Bus
    threads: Threads
    stopping: asyncio.Event

    async def wait(
        self, pod: HostPod, seconds: float, is_gone: Callable[[], Awaitable[bool]]
    ) -> TurnView | None:
        """Return the next turn, or nothing after some seconds or when the server stops."""
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        topic = await self.threads.run(self.host.topic, pod)
        with self.bus.read(topic) as reader:
            is_hinted = True
            # A host that hung up would begin a turn without knowing.
            while not await is_gone():
                turn = await self.threads.run(self._look, pod, is_hinted=is_hinted)
                left = end - clock()
                if turn is not None or left <= 0 or self.stopping.is_set():
                    return turn
                is_hinted = bool(await reader.take(min(left, LOOK_SECONDS)))
        return None

    def _look(self, pod: HostPod, *, is_hinted: bool) -> TurnView | None:
        return self.host.take(pod) if is_hinted or self.host.has_work(pod) else None
