"""Waking whoever waits, in this process and in the other replicas, with hints.

A hint says "look at the database"; only pieces of answers carry what they tell. A hint may be lost
(a peer restarts, a queue is full), so nothing rests on it. Whoever waits notes what was last seen
of the topic in ``reader.seen``: a revision, or what an account may do. Every two seconds one query
of ``core.looks`` asks for the values of all topics that somebody here waits for, and wakes only
those readers that saw another value. So a thousand idle hosts cost one query, not a thousand.

All of it happens on the event loop, ``publish`` and ``listen`` apart. Register first, look next,
and note what was seen: what changes in between comes as a hint, or differs at the next look.
A reader is bounded in hints and bytes: one that is too slow loses them, and is told to look again.
This is decision 0019, on top of 0003.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from pydantic import BaseModel

# A reader that is further behind loses its hints, and is told to look again.
READER_HINTS = 1000
READER_BYTES = 1024 * 1024


SESSION = "session:"
ACCOUNT = "account:"


class Hint(BaseModel):
    """Something about a topic changed; without data, the database says what.

    One that ``can_wait`` is likely to be followed by another within milliseconds.
    """

    topic: str
    data: dict[str, Any] | None = None
    can_wait: bool = False

    @property
    def size(self) -> int:
        """Say, roughly, how much memory the data takes."""
        return sum(len(value) for value in (self.data or {}).values() if isinstance(value, str))


def session_topic(session_id: str) -> str:
    """Name the topic of one session."""
    return SESSION + session_id


def account_topic(name: str) -> str:
    """Name the topic of one account."""
    return ACCOUNT + name


class Outward(Protocol):
    """Where hints go that other processes need as well."""

    def send(self, hint: Hint) -> None:
        """Pass one hint on, soon; called on the event loop."""


class Reader:
    """The hints of some topics, in their order, for one waiting coroutine."""

    def __init__(self, topic: str, limit: int = READER_HINTS, bytes_: int = READER_BYTES) -> None:
        self.seen: dict[str, object] = {}
        self._topic = topic
        self._limit = limit
        self._bytes_limit = bytes_
        self._bytes = 0
        self._hints: deque[Hint] = deque()
        self._ready = asyncio.Event()
        self._pressing = asyncio.Event()

    def offer(self, hint: Hint) -> None:
        """Keep a hint for the reader; called on the event loop."""
        self._bytes += hint.size
        if len(self._hints) >= self._limit or self._bytes > self._bytes_limit:
            self._hints.clear()
            self._bytes = 0
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
        self._bytes = 0
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
    def read(self, topic: str, *more: str) -> Iterator[Reader]:
        """Collect the hints of one topic or several, from now until the block ends."""
        reader = Reader(topic)
        for one in (topic, *more):
            self._readers.setdefault(one, []).append(reader)
        try:
            yield reader
        finally:
            for one in (topic, *more):
                self._readers[one].remove(reader)
                if not self._readers[one]:
                    del self._readers[one]

    def waited_for(self, prefix: str) -> list[str]:
        """List what is waited for here, of the topics with a prefix and without it."""
        return [topic.removeprefix(prefix) for topic in self._readers if topic.startswith(prefix)]

    def remind(self, topic: str, value: object) -> None:
        """Wake the readers of a topic that saw another value of it; called on the event loop."""
        for reader in self._readers.get(topic, ()):
            if reader.seen.get(topic) != value:
                reader.offer(Hint(topic=topic))

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
