"""A session's stream of events, each with the time at which it was heard."""

from collections.abc import Callable
from queue import Queue
from threading import Event as Signal
from threading import Thread
from time import monotonic

from raworc.client import Client
from raworc.records import Event

PATIENCE = 180


class Heard:
    """One open stream; it reads on a thread of its own, so that a post may wait meanwhile."""

    def __init__(self, client: Client, session_id: str) -> None:
        self._coming: Queue[tuple[float, Event]] = Queue()
        self._opened = Signal()
        # It ends with the session, or with the process.
        Thread(target=self._follow, args=(client, session_id), daemon=True).start()
        if not self._opened.wait(PATIENCE):
            raise TimeoutError(f"The stream of session {session_id} does not open.")

    def until(self, wanted: Callable[[Event], bool]) -> float:
        """Return when the next event that is ``wanted`` was heard."""
        while True:
            heard, event = self._coming.get(timeout=PATIENCE)
            if wanted(event):
                return heard

    def _follow(self, client: Client, session_id: str) -> None:
        with client.open_events(session_id) as events:
            self._opened.set()
            for event in events:
                self._coming.put((monotonic(), event))


def is_state(state: str) -> Callable[[Event], bool]:
    """Tell whether an event says that the session is in a state."""
    return lambda event: event.kind == "session" and event.data["state"] == state


def is_piece(message_id: str) -> Callable[[Event], bool]:
    """Tell whether an event is a piece of the answer to a message."""
    return lambda event: event.kind == "piece" and event.data.get("message_id") == message_id


def is_answer(message_id: str) -> Callable[[Event], bool]:
    """Tell whether an event is the answer to a message."""
    return lambda event: event.kind == "message" and event.data.get("reply_to") == message_id
