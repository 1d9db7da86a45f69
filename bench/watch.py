"""Watches: what happened to the objects of one kind, with the time at which it was heard."""

import json
from collections.abc import Callable, Iterable
from threading import Condition, Thread
from time import monotonic
from typing import Any

Manifest = dict[str, Any]
Wanted = Callable[[Manifest], bool]

PATIENCE = 300


class Watch:
    """All events of one kind since the watch began."""

    def __init__(self, open_stream: Callable[[], Iterable[bytes]]) -> None:
        self._open_stream = open_stream
        self._heard: list[tuple[float, Manifest]] = []
        self._news = Condition()
        Thread(target=self._follow, daemon=True).start()

    def first(self, wanted: Wanted, since: float) -> float:
        """Wait for the first event after ``since`` that is ``wanted``, and tell when it came."""

        def look() -> float | None:
            return next((at for at, event in self._heard if at >= since and wanted(event)), None)

        with self._news:
            found = self._news.wait_for(look, PATIENCE)
        if found is None:
            raise TimeoutError(f"In {PATIENCE} s the cluster did not do what was waited for.")
        return found

    def _follow(self) -> None:
        # The server ends a watch now and then; the next one begins with what exists.
        while True:
            for line in self._open_stream():
                now = monotonic()
                with self._news:
                    self._heard.append((now, json.loads(line)))
                    self._news.notify_all()


def is_added(name: str) -> Wanted:
    """Tell whether an event says that an object of this name exists."""
    return lambda event: event["type"] == "ADDED" and is_named(event, name)


def is_gone(name: str) -> Wanted:
    """Tell whether an event says that an object of this name is deleted."""
    return lambda event: event["type"] == "DELETED" and is_named(event, name)


def is_ready(name: str) -> Wanted:
    """Tell whether an event shows the object of this name ready."""
    return lambda event: is_named(event, name) and has_condition(event["object"], "Ready")


def has_condition(manifest: Manifest, kind: str) -> bool:
    """Tell whether a condition of an object holds."""
    conditions = manifest.get("status", {}).get("conditions", [])
    return any(one["type"] == kind and one["status"] == "True" for one in conditions)


def is_named(event: Manifest, name: str) -> bool:
    """Tell whether an event is about the object of this name."""
    return bool(event["object"].get("metadata", {}).get("name") == name)
