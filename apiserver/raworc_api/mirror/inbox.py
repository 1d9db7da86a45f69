"""What waits for the mirror's worker: the newest word on each object, in the order of arrival."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from raworc_api.mirror.outbox import RecordKey
from raworc_kube.objects import Manifest


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as a list or a watch told it."""

    kind: str
    manifest: Manifest
    is_deleted: bool = False

    def subject(self) -> tuple[str, str | None, str]:
        """Name what it is about: a later word on the same takes its place."""
        metadata = self.manifest["metadata"]
        return (self.kind, metadata.get("namespace"), metadata["name"])


@dataclass(frozen=True, slots=True)
class Listed:
    """A list is complete; it had these objects and no other."""

    kind: str
    present: frozenset[RecordKey]

    def subject(self) -> tuple[str, str | None, str]:
        """Name what it is about."""
        return (self.kind, None, "*")


Item = Seen | Listed


class Inbox:
    """A queue that cannot grow beyond the number of objects; safe to use from many threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._items: OrderedDict[tuple[str, str | None, str], Item] = OrderedDict()
        self._is_hinted = True

    def put(self, item: Item) -> None:
        """Queue the newest word on something."""
        with self._changed:
            self._items[item.subject()] = item
            self._changed.notify()

    def put_back(self, item: Item) -> None:
        """Queue an item again that could not be handled, unless there is newer word."""
        with self._changed:
            self._items.setdefault(item.subject(), item)

    def hint(self) -> None:
        """Say that the outbox changed."""
        with self._changed:
            self._is_hinted = True
            self._changed.notify()

    def take_hint(self) -> bool:
        """Say whether the outbox changed since this was last asked."""
        with self._changed:
            is_hinted, self._is_hinted = self._is_hinted, False
            return is_hinted

    def take(self, seconds: float) -> Item | None:
        """Return the oldest item; ``None`` when the outbox changed, or after ``seconds``."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._is_hinted, seconds)
            if self._is_hinted or not self._items:
                return None
            return self._items.popitem(last=False)[1]
