"""A small memory of answers that stay good for some seconds."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ExpiringCache(Generic[Value]):
    """Keeps at most ``size`` answers, each until its time; safe to use from many threads."""

    def __init__(self, size: int, clock: Callable[[], float]) -> None:
        self._size = size
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, tuple[float, Value]] = OrderedDict()

    def get(self, key: Hashable) -> tuple[Value] | None:
        """Return the kept answer in a tuple, as the answer itself may be ``None``."""
        with self._lock:
            entry = self._entries.get(key)
        if entry is None or entry[0] <= self._clock():
            return None
        return (entry[1],)

    def put(self, key: Hashable, value: Value, seconds: float) -> None:
        """Keep an answer for some seconds; the oldest answer makes room."""
        with self._lock:
            self._entries.pop(key, None)
            self._entries[key] = (self._clock() + seconds, value)
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def take(self, key: Hashable) -> tuple[Value] | None:
        """Return the kept answer, as ``get`` does, and forget it."""
        found = self.get(key)
        with self._lock:
            self._entries.pop(key, None)
        return found

    def clear(self) -> None:
        """Forget every answer."""
        with self._lock:
            self._entries.clear()
