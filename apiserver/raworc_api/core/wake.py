"""Waking whoever waits, in this process and in the other replicas, with hints.

A hint says "look at the database"; only pieces of answers carry what they tell. A lost hint costs
time, so nothing is repeated: whoever waits looks again every two seconds anyway.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from pydantic import BaseModel

# A reader that is further behind loses its hints, and is told to look again.
READER_HINTS = 1000


class Hint(BaseModel):
    """Something about a topic changed; without data, the database says what.

    One that ``can_wait`` is likely to be followed by another within milliseconds.
    """

    topic: str
    data: dict[str, Any] | None = None
    can_wait: bool = False


def session_topic(session_id: str) -> str:
    """Name the topic of one session."""
    return f"session:{session_id}"


class Outward(Protocol):
    """Where hints go that other processes need as well."""

    def send(self, hint: Hint) -> None:
        """Pass one hint on, soon; called on the event loop."""


class Reader:
    """The hints of one topic, in their order, for one waiting coroutine."""

    def __init__(self, topic: str, limit: int = READER_HINTS) -> None:
        self._topic = topic
        self._limit = limit
        self._hints: deque[Hint] = deque()
        self._ready = asyncio.Event()
        self._pressing = asyncio.Event()

    def offer(self, hint: Hint) -> None:
        """Keep a hint for the reader; called on the event loop."""
        if len(self._hints) >= self._limit:
            self._hints.clear()
            hint = Hint(topic=self._topic)
        self._hints.append(hint)
        self._ready.set()
        if not hint.can_wait:
            self._pressing.set()

    async def take(self, seconds: float, patience: float = 0) -> list[Hint]:
        """Wait for hints and return all that there are; none at all after ``seconds``.

        Hints that can wait do so for ``patience`` seconds, or until one comes that cannot.
        """
        if await _is_set(self._ready, seconds) and patience:
            await _is_set(self._pressing, patience)
        self._ready.clear()
        self._pressing.clear()
        hints = list(self._hints)
        self._hints.clear()
        return hints


async def _is_set(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        return await asyncio.wait_for(event.wait(), seconds)
    return False


class Bus:
    """Carries hints from whoever changed something to whoever waits for it.

    ``publish`` and ``listen`` may be called in any thread, ``read`` only on the event loop.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._outward: Outward | None = None
        self._readers: dict[str, list[Reader]] = {}
        self._listeners: dict[str, tuple[Callable[[], None], ...]] = {}

    def open(self, outward: Outward | None = None) -> None:
        """Start to carry hints, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._outward = outward

    def close(self) -> None:
        """Stop to carry hints; what is published from now on is lost."""
        self._loop = None

    def publish(
        self, topic: str, data: dict[str, Any] | None = None, *, can_wait: bool = False
    ) -> None:
        """Wake every reader and listener of a topic, here and in the other replicas.

        Call it after the commit: who is woken looks at the database at once.
        """
        self._tell_listeners(topic)
        hint = Hint(topic=topic, data=data, can_wait=can_wait)
        self._on_loop(self._deliver_everywhere, hint)

    def receive(self, hint: Hint) -> None:
        """Take a hint in that another replica published."""
        self._tell_listeners(hint.topic)
        self._on_loop(self._deliver, hint)

    @contextmanager
    def read(self, topic: str) -> Iterator[Reader]:
        """Collect the hints of a topic, from now until the block ends."""
        reader = Reader(topic)
        self._readers.setdefault(topic, []).append(reader)
        try:
            yield reader
        finally:
            self._readers[topic].remove(reader)
            if not self._readers[topic]:
                del self._readers[topic]

    def listen(self, topic: str, call: Callable[[], None]) -> Callable[[], None]:
        """Call back at every hint, in the thread that publishes; return the way to end it."""
        self._listeners[topic] = (*self._listeners.get(topic, ()), call)

        def end() -> None:
            left = tuple(other for other in self._listeners[topic] if other is not call)
            self._listeners[topic] = left

        return end

    def wake_everyone(self) -> None:
        """Wake every reader here, without news; called on the event loop."""
        for topic in tuple(self._readers):
            self._deliver(Hint(topic=topic))

    def _tell_listeners(self, topic: str) -> None:
        for call in self._listeners.get(topic, ()):
            call()

    def _on_loop(self, deliver: Callable[[Hint], None], hint: Hint) -> None:
        if self._loop is not None:
            # A loop that was closed in between has nobody left to wake.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(deliver, hint)

    def _deliver_everywhere(self, hint: Hint) -> None:
        self._deliver(hint)
        if self._outward is not None:
            self._outward.send(hint)

    def _deliver(self, hint: Hint) -> None:
        for reader in self._readers.get(hint.topic, ()):
            reader.offer(hint)
