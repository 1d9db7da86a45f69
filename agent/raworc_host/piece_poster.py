"""Posts the pieces of answers as they come, from a thread of its own.

Pieces are for who watches; the answer holds them all. So nothing here may fail or delay it: what
is not posted when the answer is there is dropped. Pieces are read from where the answer is
gathered, so they cost no memory, and the last one costs no more than the first.
"""

from threading import Condition, Thread
from typing import NamedTuple

from raworc_host.conversation import Attempt
from raworc_host.platform_api import HostProtocolError, PlatformApi, UnavailableError
from raworc_host.spool import Spool
from raworc_runner.journal import note

# At most this long is text gathered into one piece, so that an agent that yields single
# characters costs twenty requests a second; the first piece goes at once.
_GATHER_SECONDS = 0.05
_RETRY_SECONDS = 1.0
# Half of what the API server takes at once.
_MOST_BYTES = 128 * 1024


class _Piece(NamedTuple):
    attempt: Attempt
    number: int
    text: str


class PiecePoster:
    """One answer's pieces at a time."""

    def __init__(self, api: PlatformApi) -> None:
        self._api = api
        self._changed = Condition()
        self._attempt: Attempt | None = None
        self._spool = Spool()
        self._posted = 0
        self._index = 0
        self._thread = Thread(target=self._post_all, name="pieces", daemon=True)

    def begin(self, attempt: Attempt, spool: Spool) -> None:
        """Expect pieces of another answer, which is gathered in ``spool``."""
        with self._changed:
            self._attempt, self._spool, self._posted, self._index = attempt, spool, 0, 0

    def add(self, text: str) -> None:
        """Add a piece to the answer; it is posted soon."""
        with self._changed:
            self._spool.add(text)
            self._changed.notify_all()
        if not self._thread.is_alive():
            self._thread.start()

    def end(self) -> None:
        """Drop what is not posted yet: the whole answer is there."""
        with self._changed:
            self._attempt = None
            self._changed.notify_all()

    def _post_all(self) -> None:
        while True:
            piece = self._take()
            while not self._post(piece):
                self._rest(piece.attempt, _RETRY_SECONDS)
            self._rest(piece.attempt, _GATHER_SECONDS)

    def _take(self) -> _Piece:
        with self._changed:
            while self._attempt is None or self._posted == len(self._spool):
                self._changed.wait()
            text, self._posted = self._spool.read(self._posted, _MOST_BYTES)
            self._index += 1
            return _Piece(self._attempt, self._index - 1, text)

    def _post(self, piece: _Piece) -> bool:
        """Post one piece; return whether that is settled, well or badly."""
        try:
            self._api.post_piece(*piece)
        except UnavailableError:
            # The same piece again, as it may have been taken: who reads goes by its index.
            return self._attempt is not piece.attempt
        except HostProtocolError as error:
            note(f"no more pieces of this answer: {error}")
            self._give_up(piece.attempt)
        return True

    def _give_up(self, attempt: Attempt) -> None:
        with self._changed:
            if self._attempt is attempt:
                self._attempt = None

    def _rest(self, attempt: Attempt, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._attempt is not attempt, seconds)
