"""What waits for the mirror's workers, and whose turn it is.

Work comes from three sides: rows of the outbox that hold a wish (a changed spec, a deletion), rows
that hold only a report of a host, and what the watches saw. Each has a lane here. A worker takes
from the lanes in turn, and in a lane from the spaces in turn: neither a flood of events, nor a
space that is deleted with ten thousand sessions, makes anyone else wait for more than its turn.

The lanes hold record keys with the newest word on each, so none grows beyond the number of records.
A key that a worker has in hand is passed over until that worker is done with it (``done``):
applying a change and taking in an event of the same object never cross, whatever the number of
workers. A key may wait in several lanes; they are worked off one after the other, in any order,
which the exporter and the importer allow (``docs/decisions/0001``, ``0023``).

What failed comes back (``retry``) with a growing delay, unless there was newer word since: a state
of before would take the place of a newer one that was taken in meanwhile, and stay. Rows of
the outbox need not come back: they are in the database, with a time of their own.

One condition guards everything; no lock is held while somebody works.
"""

import heapq
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

from raworc_api.mirror.identity import Identity
from raworc_api.mirror.outbox import RecordKey
from raworc_kube.objects import Manifest

_FIRST_DELAY = 0.2
_LONGEST_DELAY = 30.0
# The outbox is read again when fewer rows than this are left of what was read.
_FEW = 10


class Lane(StrEnum):
    """Where work comes from."""

    WISHES = "wishes"
    IMPORTS = "imports"
    REPORTS = "reports"


@dataclass(frozen=True, slots=True)
class Row:
    """The outbox has a row for the record."""


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """An object as a list or a watch showed it, when this was received, and of which cluster."""

    manifest: Manifest
    received_at: float
    identity: Identity | None
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Absence:
    """A complete list did not have the object with this uid.

    While it is held, it is only shown in the record.
    """

    uid: str
    identity: Identity | None
    is_held: bool = False


Item = Row | ObjectEvent | Absence


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do about one record."""

    lane: Lane
    key: RecordKey
    item: Item


class _Keys:
    """The keys of one lane, by space; the spaces take turns."""

    def __init__(self) -> None:
        self._spaces: OrderedDict[str, OrderedDict[RecordKey, Item]] = OrderedDict()
        self.size = 0

    def put(self, key: RecordKey, item: Item, *, replace: bool) -> None:
        keys = self._spaces.setdefault(key.space, OrderedDict())
        self.size += key not in keys
        if replace or isinstance(keys.get(key), Absence | None):
            keys[key] = item

    def has_news(self, key: RecordKey) -> bool:
        keys = self._spaces.get(key.space)
        return keys is not None and not isinstance(keys.get(key), Absence | None)

    def take(self, busy: set[RecordKey]) -> tuple[RecordKey, Item] | None:
        for space, keys in self._spaces.items():
            key = next((key for key in keys if key not in busy), None)
            if key is not None:
                item = keys.pop(key)
                self.size -= 1
                self._spaces.move_to_end(space)
                if not keys:
                    del self._spaces[space]
                return key, item
        return None


class WorkQueue:
    """Record keys that wait for a worker; safe to use from many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._lanes: OrderedDict[Lane, _Keys] = OrderedDict((lane, _Keys()) for lane in Lane)
        self._busy: set[RecordKey] = set()
        self._later: list[tuple[float, int, Task]] = []
        self._failures: dict[RecordKey, int] = {}
        self._numbers = count()
        self._is_hinted = True
        self._is_closed = False
        # The lanes for which the outbox had more rows than were read.
        self._unread: set[Lane] = set()

    def put(self, lane: Lane, key: RecordKey, item: Item) -> None:
        """Queue the newest word on a record; an earlier one that waits is forgotten."""
        is_news = not isinstance(item, Absence)
        with self._changed:
            self._lanes[lane].put(key, item, replace=is_news)
            if is_news and self._later:
                self._later = [
                    one for one in self._later if (one[2].lane, one[2].key) != (lane, key)
                ]
                heapq.heapify(self._later)
            self._changed.notify_all()

    def take(self, seconds: float) -> Task | None:
        """Return what is next, for the caller alone until it is ``done``; wait if there is none."""
        end = self._clock() + seconds
        with self._changed:
            while not self._is_closed:
                self._recall()
                task = self._next()
                left = end - self._clock()
                if task is not None or left <= 0:
                    return task
                self._changed.wait(self._until_recall(left))
        return None

    def close(self) -> None:
        """Let everyone go who waits, and give out nothing more."""
        with self._changed:
            self._is_closed = self._is_hinted = True
            self._changed.notify_all()

    def done(self, task: Task) -> None:
        """Let others work on the record again."""
        with self._changed:
            self._busy.discard(task.key)
            self._changed.notify_all()

    def succeeded(self, task: Task) -> None:
        """Forget earlier failures of the record."""
        with self._changed:
            self._failures.pop(task.key, None)

    def retry(self, task: Task) -> None:
        """Queue a task again after a while."""
        with self._changed:
            failures = self._failures.get(task.key, 0)
            self._failures[task.key] = failures + 1
            if self._lanes[task.lane].has_news(task.key):
                return
            delay = min(_FIRST_DELAY * 2.0 ** min(failures, 10), _LONGEST_DELAY)
            heapq.heappush(self._later, (self._clock() + delay, next(self._numbers), task))

    def hint(self) -> None:
        """Say that the outbox changed."""
        with self._changed:
            self._is_hinted = True
            self._changed.notify_all()

    def wait_for_hint(self, seconds: float) -> None:
        """Wait until the outbox changed, or what was read of it runs out; or for ``seconds``."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_hinted or self._is_running_out(), seconds)
            self._is_hinted = self._is_closed

    def put_rows(self, lane: Lane, keys: list[RecordKey], *, has_more: bool) -> None:
        """Queue records whose rows were read from the outbox, which may have more."""
        with self._changed:
            for key in keys:
                self._lanes[lane].put(key, Row(), replace=True)
            if has_more:
                self._unread.add(lane)
            self._changed.notify_all()

    def needs_rows(self, lane: Lane) -> bool:
        """Say whether the lane has few rows left; asked before the outbox is read."""
        with self._changed:
            is_needed = self._lanes[lane].size < _FEW
            if is_needed:
                self._unread.discard(lane)
            return is_needed

    def _is_running_out(self) -> bool:
        return any(self._lanes[lane].size < _FEW for lane in self._unread)

    def _next(self) -> Task | None:
        for lane, keys in self._lanes.items():
            found = keys.take(self._busy)
            if found is not None:
                key, item = found
                self._lanes.move_to_end(lane)
                self._busy.add(key)
                return Task(lane, key, item)
        return None

    def _recall(self) -> None:
        while self._later and self._later[0][0] <= self._clock():
            _, _, task = heapq.heappop(self._later)
            self._lanes[task.lane].put(task.key, task.item, replace=False)

    def _until_recall(self, left: float) -> float:
        return min(left, self._later[0][0] - self._clock()) if self._later else left
