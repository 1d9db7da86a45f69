"""The channel to one agent's process: a line of JSON for each event, over a pair of pipes.

Not over stdin and stdout, which are the agent's own.
"""

import json
import os

from raworc_host.conversation import Json

_READ_BYTES = 65_536
# An agent that writes without end must not keep the host from looking at the clock.
_READS_AT_ONCE = 64
_ENCODING = ("utf-8", "surrogatepass")


class Channel:
    """The host's two ends; nothing here ever waits."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        os.set_blocking(read_fd, False)
        os.set_blocking(write_fd, False)
        self.read_fd = read_fd
        self.write_fd = write_fd
        self.has_ended = False
        self._outgoing = memoryview(b"")
        self._incoming: list[bytes] = []

    @property
    def is_sending(self) -> bool:
        """Whether there is something left to ``flush``."""
        return bool(self._outgoing)

    def send(self, event: Json) -> None:
        """Send an event, now as far as the pipe takes it, the rest with ``flush``."""
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        self._outgoing = memoryview(bytes(self._outgoing) + text.encode(*_ENCODING) + b"\n")
        self.flush()

    def flush(self) -> None:
        """Write as much as the pipe takes; what a dead process would have read is dropped."""
        try:
            while self._outgoing:
                self._outgoing = self._outgoing[os.write(self.write_fd, self._outgoing) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._outgoing = memoryview(b"")

    def receive(self) -> list[Json]:
        """Return the events that have come."""
        chunks = self._read()
        whole, newline, rest = b"".join(chunks).rpartition(b"\n")
        if not newline:
            self._incoming.append(rest)
            return []
        lines = b"".join([*self._incoming, whole]).split(b"\n")
        self._incoming = [rest]
        return [event for line in lines if (event := _parse(line))]

    def close(self) -> None:
        """Close both ends: the process reads the end of its orders, and leaves."""
        os.close(self.read_fd)
        os.close(self.write_fd)

    def _read(self) -> list[bytes]:
        chunks: list[bytes] = []
        try:
            while len(chunks) < _READS_AT_ONCE:
                chunk = os.read(self.read_fd, _READ_BYTES)
                if not chunk:
                    self.has_ended = True
                    break
                chunks.append(chunk)
        except BlockingIOError:
            pass
        return chunks


def _parse(line: bytes) -> Json:
    """Read one event; what an agent itself may have written here is none."""
    try:
        event = json.loads(line.decode(*_ENCODING))
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
