"""The reaper of PID 1: it waits for every child, the agents' orphans included.

It alone waits, in one thread, so that no exit status is taken from whom it belongs to.
"""

import os
from collections.abc import Callable
from threading import Event, Lock, Thread


class Ending:
    """How a process ended, once it did."""

    def __init__(self) -> None:
        self.exit_code: int | None = None
        """As of ``os.waitstatus_to_exitcode``: a signal is negative."""
        self.fd = os.eventfd(0, os.EFD_CLOEXEC)
        """Readable as soon as the process has ended."""

    def __del__(self) -> None:
        """Close the descriptor once neither the reaper nor who started the process needs it."""
        os.close(self.fd)

    def tell(self, exit_code: int) -> None:
        """Say that the process has ended."""
        self.exit_code = exit_code
        os.eventfd_write(self.fd, 1)


class Reaper:
    """Starts processes and learns how they ended."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._endings: dict[int, Ending] = {}
        self._started = Event()
        self._thread = Thread(target=self._reap, name="reaper", daemon=True)

    def spawn(self, start: Callable[[], int]) -> tuple[int, Ending]:
        """Start a process with ``start``, which returns its id."""
        # Made first: where there is no descriptor for it, nothing is started that nobody knows of.
        ending = Ending()
        # Under the lock, so that a process which ends at once is known when it is reaped.
        with self._lock:
            pid = start()
            self._endings[pid] = ending
        self._started.set()
        if not self._thread.is_alive():
            self._thread.start()
        return pid, ending

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                # An orphan is adopted while its dying ancestor still counts as a child:
                # none comes unseen while there is nothing to wait for.
                self._started.wait()
                self._started.clear()
            else:
                self._tell(pid, os.waitstatus_to_exitcode(status))

    def _tell(self, pid: int, exit_code: int) -> None:
        with self._lock:
            ending = self._endings.pop(pid, None)
        if ending is not None:
            ending.tell(exit_code)
