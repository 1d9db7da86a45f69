"""A session's stream of events, read beside the test and asked with a deadline."""

from collections.abc import Callable
from contextlib import suppress
from queue import Empty, Queue
from threading import Event as Signal
from threading import Thread
from time import monotonic

from tests.e2e.waiting import SOON, STARTED

from raworc.client import Client
from raworc.errors import RaworcError
from raworc.records import Event


class Listener:
    """One stream, open from the beginning, and what came over it so far; it owns its client."""

    def __init__(self, client: Client, session_id: str) -> None:
        self.heard: list[Event] = []
        self._coming: Queue[Event] = Queue()
        self._opened = Signal()
        # It ends with the stream, which ends with the session, or with the process.
        Thread(target=self._follow, args=(client, session_id), daemon=True).start()
        assert self._opened.wait(SOON), "the stream of events does not open"

    def until(self, wanted: Callable[[Event], bool], seconds: float = STARTED) -> Event:
        """Return the next event that is ``wanted``."""
        end = monotonic() + seconds
        while True:
            try:
                event = self._coming.get(timeout=max(0.0, end - monotonic()))
            except Empty:
                raise AssertionError(f"not heard in {seconds} s, but {self.heard}") from None
            self.heard.append(event)
            if wanted(event):
                return event

    def _follow(self, client: Client, session_id: str) -> None:
        with suppress(RaworcError), client, client.open_events(session_id) as events:
            self._opened.set()
            for event in events:
                self._coming.put(event)


def is_piece(event: Event) -> bool:
    """Tell whether an agent said something on the way to its answer."""
    return event.kind == "piece"


def is_piece_of(message_id: str, text: str) -> Callable[[Event], bool]:
    """Tell whether an event is this piece of the answer to a message."""
    return lambda event: (
        is_piece(event)
        and event.data
        == {
            **event.data,
            "message_id": message_id,
            "text": text,
        }
    )


def is_answer_to(message_id: str) -> Callable[[Event], bool]:
    """Tell whether an event is the answer to a message."""
    return lambda event: event.kind == "message" and event.data.get("reply_to") == message_id
