"""Waiting for the next turn: woken by hints, and by the replica's look in case one was lost.

A host polls for as long as its pod runs, mostly in vain, so a poll that follows a vain one asks the
database nothing: it goes on from the revision that was seen then. Whatever changed between the two
polls differs from it at the replica's next look, as after a hint that was lost. Which session a pod
belongs to never changes, so that is asked once.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from raworc_api.core.cache import ExpiringCache
from raworc_api.core.threads import Threads
from raworc_api.core.wake import SESSION, Bus, Reader, session_topic
from raworc_api.host.leases import Leases
from raworc_api.host.pods import HostPod
from raworc_api.host.schemas import HeartbeatBody, TurnView
from raworc_api.host.service import HostService

_KNOWN_PODS = 16_384
_KNOWN_SECONDS = 3600
# A host asks again at once. One that comes later was away, and is told at once what came meanwhile.
_VAIN_SECONDS = 10


@dataclass(frozen=True, slots=True)
class TurnWaiter:
    """Holds a host's request until there is something to answer."""

    host: HostService
    bus: Bus
    leases: Leases
    threads: Threads
    stopping: asyncio.Event
    topics: ExpiringCache[str] = field(
        default_factory=lambda: ExpiringCache(_KNOWN_PODS, time.monotonic)
    )
    # Of pods that have just polled in vain, what was seen of their sessions.
    vain: ExpiringCache[object] = field(
        default_factory=lambda: ExpiringCache(_KNOWN_PODS, time.monotonic)
    )

    async def wait(
        self, pod: HostPod, seconds: float, is_gone: Callable[[], Awaitable[bool]]
    ) -> TurnView | None:
        """Return the next turn, or nothing after some seconds or when the server stops."""
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        topic, before = await self._topic(pod), self.vain.take(pod.uid)
        self.leases.note(topic.removeprefix(SESSION), pod)
        with self.bus.read(topic) as reader:
            is_due = before is None or seconds == 0
            if before is not None:
                reader.seen[topic] = before[0]
            while not self.stopping.is_set():
                if is_due and await self._has_work(pod, topic, reader):
                    # A host that hung up would begin a turn without knowing.
                    if await is_gone():
                        return None
                    if (turn := await self.threads.run(self.host.take, pod)) is not None:
                        return turn
                if not (is_due := bool(await reader.take(max(end - clock(), 0)))):
                    if seconds > 0:
                        self.vain.put(pod.uid, reader.seen[topic], _VAIN_SECONDS)
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

    async def _has_work(self, pod: HostPod, topic: str, reader: Reader) -> bool:
        status = await self.threads.run(self.host.status, pod)
        reader.seen[topic] = status.revision
        return status.has_work
