"""Several looks at once, and slow hosts apart from quick ones.

A look is a call of git or of a registry, in a thread. A host that a stranger names may never
answer, so that:

* each host has at most ``_PER_HOST`` looks at once;
* a host's look has ``_QUICK_SECONDS``. When they do not do, the host counts as slow, and its next
  looks have ``_SLOW_SECONDS``;
* slow hosts share ``_SLOW`` of the threads, so that all others are left to quick ones.

Whoever names many new hosts that do not answer holds the others back by ``_QUICK_SECONDS``.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")

_THREADS, _SLOW, _PER_HOST = 10, 3, 2
_QUICK_SECONDS, _SLOW_SECONDS = 10.0, 30.0
_REMEMBERED_HOSTS = 1_000


class Lanes:
    """Runs looks in threads; belongs to one event loop."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="look")
        self._slow_lane = asyncio.Semaphore(_SLOW)
        self._per_host: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._slow_hosts: OrderedDict[str, None] = OrderedDict()

    def is_slow(self, host: str) -> bool:
        """Say whether the last look at a host took long."""
        return host in self._slow_hosts

    async def run(self, host: str, look: Callable[[float], T]) -> T:
        """Run a look when it is its turn; it is told how many seconds it has."""
        own = self._per_host.setdefault(host, asyncio.Semaphore(_PER_HOST))
        async with AsyncExitStack() as turn:
            await turn.enter_async_context(own)
            slow = self.is_slow(host)
            if slow:
                await turn.enter_async_context(self._slow_lane)
            return await asyncio.get_running_loop().run_in_executor(
                self._executor, self._timed, host, look, _SLOW_SECONDS if slow else _QUICK_SECONDS
            )

    def _timed(self, host: str, look: Callable[[float], T], seconds: float) -> T:
        began = time.monotonic()
        try:
            return look(seconds)
        finally:
            self._note(host, slow=time.monotonic() - began >= _QUICK_SECONDS)

    def _note(self, host: str, *, slow: bool) -> None:
        self._slow_hosts.pop(host, None)
        if slow:
            self._slow_hosts[host] = None
        if len(self._slow_hosts) > _REMEMBERED_HOSTS:
            self._slow_hosts.popitem(last=False)
