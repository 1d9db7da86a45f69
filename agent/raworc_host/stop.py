"""The wish to stop: SIGTERM, and how long there is left after it."""

import os
import select
import signal
import time
from types import FrameType

# Of the pod's 30 seconds: what is left is for the last answer, the release and the agents.
GRACE_SECONDS = 25.0


class Stop:
    """Set by the first SIGTERM; a second one takes the remaining time away."""

    def __init__(self) -> None:
        self.requested = False
        self.deadline = float("inf")
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        """Readable from a signal on until ``acknowledge``."""

    def install(self) -> None:
        """Listen to the signals that end a pod; PID 1 gets none that it does not listen to."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def acknowledge(self) -> None:
        """Take note of the signals so far."""
        try:
            os.eventfd_read(self.fd)
        except BlockingIOError:
            return

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond a signal."""
        waiter = select.poll()
        waiter.register(self.fd, select.POLLIN)
        waiter.poll(seconds * 1000)
        self.acknowledge()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        grace = 0.0 if self.requested else GRACE_SECONDS
        self.deadline = time.monotonic() + grace
        self.requested = True
        os.eventfd_write(self.fd, 1)
