"""Waiting for the next turn: woken by hints, and by the replica's look in case one was lost."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from raworc_api.core.cache import ExpiringCache
from raworc_api.core.threads import Threads
from raworc_api.core.wake import Bus, Reader, session_topic
from raworc_api.host.pods import HostPod
from raworc_api.host.schemas import HeartbeatBody, TurnView
from raworc_api.host.service import HostService

_KNOWN_PODS = 16_384
_KNOWN_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class TurnWaiter:
    """Holds a host's request until there is something to answer.

    A poll of an idle host is one query, and while it waits it costs nothing: which session a pod
    belongs to never changes, so it is asked once.
    """

    host: HostService
    bus: Bus
    threads: Threads
    stopping: asyncio.Event
    topics: ExpiringCache[str] = field(
        default_factory=lambda: ExpiringCache(_KNOWN_PODS, time.monotonic)
    )

    async def wait(
        self, pod: HostPod, seconds: float, is_gone: Callable[[], Awaitable[bool]]
    ) -> TurnView | None:
        """Return the next turn, or nothing after some seconds or when the server stops."""
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        topic = await self._topic(pod)
        with self.bus.read(topic) as reader:
            # A host that hung up would begin a turn without knowing.
            while not await is_gone():
                turn = await self._look(pod, topic, reader)
                left = end - clock()
                if turn is not None or left <= 0 or self.stopping.is_set():
                    return turn
                # Without a hint there is nothing new: the next poll looks anyway.
                if not await reader.take(left) or self.stopping.is_set():
                    return None
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
                found = await self.threads.run(self.host.running_turn, pod, turn)
                reader.seen[topic] = found.revision
                if found.cancel_requested or self.stopping.is_set():
                    return found.cancel_requested
                # Pieces of the answer are no news to who sends them.
                while (left := end - clock()) > 0:
                    hints = await reader.take(left)
                    if any(hint.data is None for hint in hints):
                        break
                else:
                    return False
        return False

    async def _topic(self, pod: HostPod) -> str:
        if (known := self.topics.get(pod.uid)) is not None:
            return known[0]
        status = await self.threads.run(self.host.status, pod)
        topic = session_topic(status.session_id)
        self.topics.put(pod.uid, topic, _KNOWN_SECONDS)
        return topic

    async def _look(self, pod: HostPod, topic: str, reader: Reader) -> TurnView | None:
        status = await self.threads.run(self.host.status, pod)
        reader.seen[topic] = status.revision
        return await self.threads.run(self.host.take, pod) if status.has_work else None
