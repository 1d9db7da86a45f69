"""When reconciles run: one at a time for each object, and again later where one asks for it."""

import heapq
import itertools
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future

_logger = logging.getLogger(__name__)

# One pass over an object; it may answer in how many seconds it wants to run again.
Callback = Callable[[], float | None]

_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 1.0, 60.0


class WorkQueue:
    """Lets each object have one reconcile at a time, and remembers who wants another one later.

    A reconcile looks at the whole object, so one that waits for its turn does the work of all that
    come after it: they are dropped.
    """

    def __init__(self, executor: Executor, transient: tuple[type[Exception], ...]) -> None:
        self._executor = executor
        self._transient = transient
        self._guard = threading.Condition()
        self._locks: dict[Hashable, threading.Lock] = {}
        self._queued: Counter[Hashable] = Counter()
        self._failures: Counter[Hashable] = Counter()
        self._due: dict[Hashable, float] = {}
        self._heap: list[tuple[float, int, Hashable, Callback]] = []
        self._order = itertools.count()
        self._stopped = False
        self._clock = threading.Thread(target=self._watch_clock, name="turns", daemon=True)

    def start(self) -> None:
        """Begin to look at the clock."""
        self._clock.start()

    def stop(self) -> None:
        """Let nothing begin any more."""
        with self._guard:
            self._stopped = True
            self._guard.notify()
        if self._clock.is_alive():
            self._clock.join()

    def take(self, key: Hashable, callback: Callback) -> None:
        """Run a reconcile in this thread, unless one of the same object waits to begin already."""
        with self._guard:
            if self._queued[key] or self._stopped:
                return
            self._queued[key] = 1
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            with self._guard:
                # From here on the cluster is read: a later trigger must wait for another run.
                del self._queued[key]
            again = self._run(key, callback)
        if again is not None:
            self.later(key, again, callback)

    def later(self, key: Hashable, seconds: float, callback: Callback) -> None:
        """Run a reconcile in some seconds; the earliest wish for the same object counts."""
        due = time.monotonic() + seconds
        with self._guard:
            if self._due.get(key, due + 1) <= due or self._stopped:
                return
            self._due[key] = due
            heapq.heappush(self._heap, (due, next(self._order), key, callback))
            self._guard.notify()

    def forget(self, key: Hashable) -> None:
        """Drop what is remembered of an object that is gone."""
        with self._guard:
            self._due.pop(key, None)
            self._failures.pop(key, None)
            if not self._queued[key] and key in self._locks and not self._locks[key].locked():
                del self._locks[key]

    def _run(self, key: Hashable, callback: Callback) -> float | None:
        try:
            again = callback()
        except self._transient as error:
            delay = min(_FIRST_RETRY_SECONDS * 2.0 ** self._failures[key], _LAST_RETRY_SECONDS)
            self._failures[key] += 1
            _logger.warning("%s is tried again in %.0f s: %s", key, delay, error)
            return delay
        self._failures.pop(key, None)
        return again

    def _watch_clock(self) -> None:
        while True:
            with self._guard:
                while not self._stopped and (wait := self._seconds_to_next()) != 0:
                    self._guard.wait(wait)
                if self._stopped:
                    return
                due, _, key, callback = heapq.heappop(self._heap)
                if self._due.get(key) != due:
                    continue
                del self._due[key]
            self._executor.submit(self.take, key, callback).add_done_callback(_report)

    def _seconds_to_next(self) -> float | None:
        if not self._heap:
            return None
        return max(0.0, self._heap[0][0] - time.monotonic())


def _report(turn: Future[None]) -> None:
    # Nobody waits for this turn: what it did not foresee would be lost without a word.
    error = None if turn.cancelled() else turn.exception()
    if error is not None:
        _logger.error("A reconcile failed", exc_info=error)
