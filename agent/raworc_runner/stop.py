"""The wish to stop: SIGTERM, and how long there is left after it."""

import os
import select
import signal
import time
from collections.abc import Sequence
from types import FrameType

# Of the pod's 30 seconds: what is left is for the last answer, the release and the agents.
GRACE_SECONDS = 25.0

_MANY = 4096


class Stop:
    """Set by the first SIGTERM; a second one takes the remaining time away."""

    def __init__(self, grace_seconds: float = GRACE_SECONDS) -> None:
        self.requested = False
        self.deadline = float("inf")
        self.fd, self._written = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        """Readable from a signal on until ``acknowledge``."""
        self._grace_seconds = grace_seconds

    @property
    def is_overdue(self) -> bool:
        """Whether there is no time left."""
        return time.monotonic() >= self.deadline

    @property
    def milliseconds_left(self) -> float | None:
        """How long a wait may last; None means any time."""
        if not self.requested:
            return None
        return max(0.0, self.deadline - time.monotonic()) * 1000

    def install(self) -> None:
        """Listen to the signals that end a pod; PID 1 gets none that it does not listen to."""
        # Python runs a handler only between two of its own steps. A signal that comes just before a
        # wait begins would not end it; what the interpreter writes at once does.
        signal.set_wakeup_fd(self._written, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def acknowledge(self) -> None:
        """Take note of the signals so far."""
        try:
            os.read(self.fd, _MANY)
        except BlockingIOError:
            return

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond a signal."""
        waiter = select.poll()
        waiter.register(self.fd, select.POLLIN)
        waiter.poll(seconds * 1000)
        self.acknowledge()

    def fds(self) -> Sequence[int]:
        """Return what becomes readable when a wait should be given up."""
        return (self.fd,)

    def is_due(self) -> bool:
        """Say whether a wait is to be given up."""
        self.acknowledge()
        return self.requested

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        # Another signal may interrupt this at any call, so none stands between reading and writing.
        is_repeated, self.requested = self.requested, True
        end = time.monotonic() + (0.0 if is_repeated else self._grace_seconds)
        self.deadline = min(self.deadline, end)
