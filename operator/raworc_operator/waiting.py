"""Sessions that a quota refused, in the order in which they get the room that others leave."""

import threading
from collections import defaultdict


class WaitingLines:
    """One line for each namespace, the oldest session first; safe to use from many threads.

    When room is left, the first of a line is tried, and once it has its pod the next one: as many
    as there is room for, and one more. Who does not get in that way tries by itself, but seldom, so
    that a large one at the head does not hold small ones back for ever.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: dict[str, dict[str, str]] = defaultdict(dict)

    def join(self, namespace: str, name: str, since: str) -> None:
        """Have a session wait, as one that was made at ``since``."""
        with self._lock:
            self._lines[namespace][name] = since

    def leave(self, namespace: str, name: str) -> bool:
        """Take a session out; say whether it waited."""
        with self._lock:
            line = self._lines.get(namespace, {})
            waited = line.pop(name, None) is not None
            if not line:
                self._lines.pop(namespace, None)
        return waited

    def first(self, namespace: str) -> str | None:
        """Name the session whose turn it is; None where nobody waits."""
        with self._lock:
            line = self._lines.get(namespace)
            return min(line, key=lambda name: (line[name], name)) if line else None

    def waits(self, namespace: str, name: str) -> bool:
        """Say whether a session waits."""
        with self._lock:
            return name in self._lines.get(namespace, {})
