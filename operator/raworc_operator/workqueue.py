"""When reconciles run: one at a time for each object, and again later where one asks for it.

Design note. Many triggers ask for the same reconcile: an object changed, its pod changed, a delay
is over, the resync found something. All of them `add` the object's key; nothing else is kept.

* `_due` says when each key is to be reconciled next; a key is in it once, at its earliest time.
  The heap orders those times. An entry of the heap that `_due` does not confirm is outdated, and
  is dropped when it comes up.
* `_running` holds the keys that a thread works on. A key that becomes due meanwhile stays in `_due`
  and enters the heap only when that run ends: so one object never has two reconciles at once, and
  of any number of triggers during a run exactly one more run is made. A key leaves `_due` before
  its run reads the cluster, so that a change after that read is never missed.
* One lock guards all of it and is held for a few dictionary operations, never during a reconcile;
  `add` may be called from kopf's event loop.
* Nothing is kept of an object between its runs but a count of failures, which its next success
  removes: what was deleted leaves nothing behind.

A reconcile answers with the seconds after which it wants to run again, or None. Whatever it raises
is logged with the key, counted, and tried again after 1, 2, 4 … 60 s: a thread ends only with the
queue. `problem` is for liveness. It measures progress, not length: many slow reconciles (a
repository that hardly answers) make it wait, and only a queue in which nothing ends while something
is long due, or a run that no time-out ends, is stuck.

It rests on docs/decisions/0007 and 0015.
"""

import heapq
import itertools
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

_logger = logging.getLogger(__name__)

# One reconcile of an object; it may answer in how many seconds it wants to run again.
Reconcile = Callable[[Any], float | None]
# Other work that runs as a reconcile does: once at a time for its key, with retries.
Task = Callable[[], float | None]

_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 1.0, 60.0
# Every request of a reconcile has a time-out of seconds; these are far beyond all of them together.
_STALLED_SECONDS, _STUCK_SECONDS = 300.0, 900.0
_STOP_SECONDS = 5.0


class WorkQueue:
    """Reconciles objects in threads of its own, each object once at a time."""

    def __init__(
        self,
        name: str,
        threads: int,
        expected: tuple[type[Exception], ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._expected, self._clock = name, expected, clock
        self._changed = threading.Condition()
        self._due: dict[Hashable, float] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        self._order = itertools.count()
        self._running: dict[Hashable, float] = {}
        self._tasks: dict[Hashable, Task] = {}
        self._retries: Counter[Hashable] = Counter()
        self._stopped = False
        self._finished_at = clock()
        self.runs = 0
        self.failures = 0
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self, reconcile: Reconcile) -> None:
        """Begin to reconcile what is due."""
        self._reconcile = reconcile
        self._finished_at = self._clock()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let nothing begin any more, and wait a little for what runs."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        deadline = self._clock() + _STOP_SECONDS
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - self._clock()))

    def add(self, key: Hashable, seconds: float = 0.0, task: Task | None = None) -> None:
        """Reconcile an object, or run a task, in some seconds; the earliest wish counts."""
        due = self._clock() + seconds
        with self._changed:
            if task is not None:
                self._tasks.setdefault(key, task)
            if self._stopped or self._due.get(key, due + 1) <= due:
                return
            self._due[key] = due
            if key not in self._running:
                self._push(key, due)

    def problem(self) -> str | None:
        """Say what is wrong with the queue itself; None while it works."""
        now = self._clock()
        with self._changed:
            alive = sum(thread.is_alive() for thread in self._threads)
            waiting = (due for key, due in self._due.items() if key not in self._running)
            overdue = now - min(waiting, default=now)
            oldest = min(self._running, key=self._running.__getitem__, default=None)
            running = 0.0 if oldest is None else now - self._running[oldest]
            idle = now - self._finished_at
        if alive < len(self._threads) and not self._stopped:
            return f"{self._name}: {len(self._threads) - alive} threads ended."
        if running > _STUCK_SECONDS:
            return f"{self._name}: the reconcile of {oldest} has run for {running:.0f} s."
        if min(overdue, idle) > _STALLED_SECONDS:
            return f"{self._name}: nothing was reconciled for {idle:.0f} s, though some is due."
        return None

    def statistics(self) -> dict[str, int]:
        """Count what was done and what waits."""
        with self._changed:
            return {
                "runs": self.runs,
                "failures": self.failures,
                "waiting": len(self._due),
                "running": len(self._running),
            }

    def _push(self, key: Hashable, due: float) -> None:
        heapq.heappush(self._heap, (due, next(self._order), key))
        self._changed.notify()

    def _work(self) -> None:
        while (key := self._take()) is not None:
            again = self._run(key)
            self._finish(key)
            if again is not None:
                self.add(key, again)

    def _take(self) -> Hashable | None:
        """Wait for the next key that is due; None once the queue is stopped."""
        with self._changed:
            while not self._stopped:
                wait = self._seconds_to_next()
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                    continue
                _, _, key = heapq.heappop(self._heap)
                del self._due[key]
                self._running[key] = self._clock()
                return key
            return None

    def _seconds_to_next(self) -> float | None:
        while self._heap:
            due, _, key = self._heap[0]
            if self._due.get(key) == due and key not in self._running:
                return due - self._clock()
            heapq.heappop(self._heap)
        return None

    def _run(self, key: Hashable) -> float | None:
        task = self._tasks.get(key)
        try:
            again = self._reconcile(key) if task is None else task()
        except Exception as error:  # noqa: BLE001 - no fault of one object may end the thread of all
            return self._retry_delay(key, error)
        with self._changed:
            self._retries.pop(key, None)
            if again is None:
                self._tasks.pop(key, None)
        return again

    def _retry_delay(self, key: Hashable, error: Exception) -> float:
        with self._changed:
            delay = min(_FIRST_RETRY_SECONDS * 2.0 ** self._retries[key], _LAST_RETRY_SECONDS)
            self._retries[key] += 1
            self.failures += 1
        if isinstance(error, self._expected):
            _logger.warning("%s is tried again in %.0f s: %s", key, delay, error)
        else:
            _logger.error("%s failed, and is tried again in %.0f s", key, delay, exc_info=error)
        return delay

    def _finish(self, key: Hashable) -> None:
        with self._changed:
            del self._running[key]
            self.runs += 1
            self._finished_at = self._clock()
            if key in self._due:
                self._push(key, self._due[key])
