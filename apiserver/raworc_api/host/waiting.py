"""Waiting for the next turn: woken by hints, and looking now and then in case one was lost."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from raworc_api.core.threads import Threads
from raworc_api.core.wake import Bus
from raworc_api.host.pods import HostPod
from raworc_api.host.schemas import HeartbeatBody, TurnView
from raworc_api.host.service import HostService

LOOK_SECONDS = 2.0
# A hint may be lost; only turns that last are looked at, so this costs little.
HEARTBEAT_LOOK_SECONDS = 5.0


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

    async def wait_for_cancel(
        self,
        pod: HostPod,
        turn: HeartbeatBody,
        seconds: float,
        is_gone: Callable[[], Awaitable[bool]],
    ) -> bool:
        """Return whether a running turn is to be cancelled, as soon as it is, or after a while."""
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        topic = await self.threads.run(self.host.begin_heartbeat, pod, turn)
        with self.bus.read(topic) as reader:
            while not await is_gone():
                is_cancelled = await self.threads.run(self.host.is_cancelled, pod, turn)
                if is_cancelled or self.stopping.is_set():
                    return is_cancelled
                # Pieces of the answer are no news to who sends them.
                while (left := end - clock()) > 0:
                    hints = await reader.take(min(left, HEARTBEAT_LOOK_SECONDS))
                    if not hints or any(hint.data is None for hint in hints):
                        break
                else:
                    return False
        return False

    def _look(self, pod: HostPod, *, is_hinted: bool) -> TurnView | None:
        return self.host.take(pod) if is_hinted or self.host.has_work(pod) else None
