"""Says that a turn goes on, and hears meanwhile that it is to be cancelled, or that it is lost.

A thread of its own, as the host waits for the agent at the same time. One request does both: the
API server answers it when there is something to say, or else after a while, and then the next one
goes out. Most turns are over before the first.
"""

import os
from collections.abc import Sequence
from threading import Condition, Thread

from raworc_host.backoff import Backoff
from raworc_host.connection import AbandonedError
from raworc_host.conversation import Attempt
from raworc_host.platform_api import (
    ConflictError,
    FencedError,
    HostProtocolError,
    NotKnownError,
    PlatformApi,
)

_QUIET_SECONDS = 0.5
"""Quick turns cost no request; a message is cancelled so much later at most."""


class Heartbeat:
    """The heartbeat of one turn after the other."""

    def __init__(self, api: PlatformApi) -> None:
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        """Readable when there is news of the turn."""
        self.is_cancelled = False
        """Whether the answer is no longer wanted."""
        self.is_fenced = False
        """Whether the message has moved on without this host."""
        self._api = api
        self._ended = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._changed = Condition()
        self._attempt: Attempt | None = None
        self._thread = Thread(target=self._beat, name="heartbeat", daemon=True)

    def begin(self, attempt: Attempt) -> None:
        """Speak for another turn."""
        with self._changed:
            self.is_cancelled = self.is_fenced = False
            self._attempt = attempt
            self._changed.notify_all()
        if not self._thread.is_alive():
            self._thread.start()

    def end(self) -> None:
        """Say nothing more: the turn is over."""
        with self._changed:
            self._attempt = None
            os.eventfd_write(self._ended, 1)
            self._changed.notify_all()

    def acknowledge(self) -> None:
        """Take note of the news so far."""
        _clear(self.fd)

    def fds(self) -> Sequence[int]:
        """Return what becomes readable when the turn is over."""
        return (self._ended,)

    def is_due(self) -> bool:
        """Say whether a wait is to be given up."""
        return True

    def _beat(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._attempt is not None)
                attempt = self._attempt
                # Here, where nothing waits for it: else the end of a turn could be missed.
                _clear(self._ended)
            backoff = Backoff()
            self._rest(attempt, _QUIET_SECONDS)
            while attempt is not None and self._attempt is attempt:
                self._ask(attempt, backoff)

    def _ask(self, attempt: Attempt, backoff: Backoff) -> None:
        try:
            if self._api.heartbeat(attempt, self):
                self._tell(attempt, is_cancelled=True)
        except AbandonedError:
            return
        except (FencedError, ConflictError):
            self._tell(attempt, is_cancelled=False)
        except NotKnownError:
            # A server of the version before knows no heartbeats.
            self._rest(attempt, None)
        except HostProtocolError:
            self._rest(attempt, backoff.next_delay())
        else:
            backoff.reset()

    def _tell(self, attempt: Attempt, *, is_cancelled: bool) -> None:
        with self._changed:
            if self._attempt is attempt:
                self.is_cancelled, self.is_fenced = is_cancelled, not is_cancelled
                os.eventfd_write(self.fd, 1)
        # There is nothing more to hear of this turn.
        self._rest(attempt, None)

    def _rest(self, attempt: Attempt | None, seconds: float | None) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._attempt is not attempt, seconds)


def _clear(fd: int) -> None:
    try:
        os.eventfd_read(fd)
    except BlockingIOError:
        return
