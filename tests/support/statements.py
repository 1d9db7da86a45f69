"""What is asked of a database while somebody looks."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.event import listen, remove

_SECONDS = 20


class Statements:
    """The statements of an engine, in their order; safe to use from many threads."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._changed = threading.Condition()

    def note(self, _: object, __: object, statement: str, *___: object) -> None:
        with self._changed:
            self.texts.append(statement)
            self._changed.notify_all()

    def with_text(self, *parts: str) -> list[str]:
        """Return the statements that have all these parts."""
        return [text for text in self.texts if all(part in text for part in parts)]

    def wait_for(self, holds: Callable[["Statements"], bool]) -> None:
        """Wait until what was asked satisfies a condition."""
        with self._changed:
            assert self._changed.wait_for(lambda: holds(self), _SECONDS), self.texts


@contextmanager
def counted(engine: Engine) -> Iterator[Statements]:
    """Collect the statements of an engine."""
    statements = Statements()
    listen(engine, "before_cursor_execute", statements.note)
    try:
        yield statements
    finally:
        remove(engine, "before_cursor_execute", statements.note)
