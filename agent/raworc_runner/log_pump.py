"""Carries what agents print to their log files and to the pod's own output."""

import os
import select
from threading import Event, Thread

from raworc_runner.log_files import LogFiles

_READ_BYTES = 65_536
_LONGEST_LINE = 8192
_LAST_WORDS_SECONDS = 0.5


class LogStream:
    """One stream of one process."""

    def __init__(self, agent: str, files: LogFiles, mirror_fd: int) -> None:
        self._prefix = f"[{agent}] ".encode()
        self._files = files
        self._mirror_fd = mirror_fd
        self._line = b""

    def write(self, chunk: bytes) -> None:
        """Keep a chunk, and show the lines that it completes."""
        self._files.write(chunk)
        *lines, self._line = (self._line + chunk).split(b"\n")
        if len(self._line) > _LONGEST_LINE:
            lines, self._line = [*lines, self._line], b""
        self._show(lines)

    def close(self) -> None:
        """Show what is left, and close the file."""
        self._show([self._line] if self._line else [])
        self._files.close()

    def _show(self, lines: list[bytes]) -> None:
        if lines:
            _write_all(
                self._mirror_fd, b"".join(b"%b%b\n" % (self._prefix, line) for line in lines)
            )


class LogPump:
    """One thread that reads every agent's output as it comes."""

    def __init__(self) -> None:
        self._waiter = select.epoll()
        self._streams: dict[int, LogStream] = {}
        self._is_empty = Event()
        self._is_empty.set()
        self._thread = Thread(target=self._pump, name="log-pump", daemon=True)

    def add(self, fd: int, stream: LogStream) -> None:
        """Read ``fd`` to its end, then close it."""
        self._streams[fd] = stream
        self._is_empty.clear()
        self._waiter.register(fd, select.EPOLLIN)
        if not self._thread.is_alive():
            self._thread.start()

    def drain(self) -> None:
        """Wait a moment for the last words of processes that have ended."""
        self._is_empty.wait(_LAST_WORDS_SECONDS)

    def _pump(self) -> None:
        while True:
            for fd, _ in self._waiter.poll():
                self._carry(fd, self._streams[fd])

    def _carry(self, fd: int, stream: LogStream) -> None:
        if chunk := os.read(fd, _READ_BYTES):
            stream.write(chunk)
            return
        stream.close()
        self._waiter.unregister(fd)
        del self._streams[fd]
        os.close(fd)
        if not self._streams:
            self._is_empty.set()


def _write_all(fd: int, text: bytes) -> None:
    try:
        while text:
            text = text[os.write(fd, text) :]
    except OSError:
        # Nobody reads the pod's output any more: an agent must not stand still for that.
        return
