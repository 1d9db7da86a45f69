"""Posts the pieces of answers as they come, from a thread of its own.

Pieces are for who watches; the answer holds them all. So nothing here may fail or delay it:
what is not posted when the answer is there is dropped.
"""

from threading import Condition, Thread
from typing import NamedTuple

from raworc_host.journal import note
from raworc_host.platform_api import HostProtocolError, PlatformApi, UnavailableError

# At most this long is text gathered into one piece, so that an agent that yields single
# characters costs twenty requests a second; the first piece goes at once.
_GATHER_SECONDS = 0.05
_RETRY_SECONDS = 1.0
# Half of what the API server takes at once.
_MOST_CHARACTERS = 128 * 1024


class Attempt(NamedTuple):
    """The attempt at a message whose pieces are posted."""

    message_id: str
    number: int


class PiecePoster:
    """One answer's pieces at a time."""

    def __init__(self, api: PlatformApi) -> None:
        self._api = api
        self._changed = Condition()
        self._attempt: Attempt | None = None
        self._text = ""
        self._index = 0
        self._thread = Thread(target=self._post_all, name="pieces", daemon=True)

    def begin(self, attempt: Attempt) -> None:
        """Expect pieces of another answer."""
        with self._changed:
            self._attempt, self._text, self._index = attempt, "", 0

    def add(self, text: str) -> None:
        """Take a piece; it is posted soon."""
        with self._changed:
            self._text += text
            self._changed.notify_all()
        if not self._thread.is_alive():
            self._thread.start()

    def end(self) -> None:
        """Drop what is not posted yet: the whole answer is there."""
        with self._changed:
            self._attempt, self._text = None, ""
            self._changed.notify_all()

    def _post_all(self) -> None:
        while True:
            attempt, index, text = self._take()
            while not self._post(attempt, index, text):
                self._rest(attempt, _RETRY_SECONDS)
            self._rest(attempt, _GATHER_SECONDS)

    def _take(self) -> tuple[Attempt, int, str]:
        with self._changed:
            while self._attempt is None or not self._text:
                self._changed.wait()
            taken = (self._attempt, self._index, self._text[:_MOST_CHARACTERS])
            self._text = self._text[_MOST_CHARACTERS:]
            self._index += 1
            return taken

    def _post(self, attempt: Attempt, index: int, text: str) -> bool:
        """Post one piece; return whether that is settled, well or badly."""
        try:
            self._api.post_piece(attempt.message_id, attempt.number, index, text)
        except UnavailableError:
            # The same piece again, as it may have been taken: who reads goes by its index.
            return self._attempt is not attempt
        except HostProtocolError as error:
            note(f"no more pieces of this answer: {error}")
            self._give_up(attempt)
        return True

    def _give_up(self, attempt: Attempt) -> None:
        with self._changed:
            if self._attempt is attempt:
                self._attempt = None

    def _rest(self, attempt: Attempt, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._attempt is not attempt, seconds)
