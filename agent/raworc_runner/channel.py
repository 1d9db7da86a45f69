"""Frames between a host, its runner, and the processes of agents.

A frame is a length of four bytes, most significant first, and so many bytes of one JSON object
whose values are texts, whole numbers, booleans and null: nothing is nested, so nothing can be
nested too deep. Frames are small; a long text goes in several, of which the last one says so.
A frame that breaks these rules raises ``FrameError``: nothing after it can be trusted, and the
reader closes the channel.

A channel never waits and never holds more than ``_READ_BYTES`` of what it has not yet returned.
So a peer that floods it fills its own end of the socket, and is held back by that. What is to be
sent is kept here until the peer takes it; who sends looks at ``pending`` first.
"""

import json
import os
from collections import deque
from collections.abc import Iterator, Mapping

MAX_FRAME = 256 * 1024
MAX_TEXT = 32 * 1024
"""Characters; escaped, each takes six bytes at most."""

Event = Mapping[str, str | int | bool | None]

_LENGTH = 4
_READ_BYTES = 2 * MAX_FRAME


class FrameError(Exception):
    """What came is not a frame."""


def encode(event: Event) -> bytes:
    """Write an event as a frame; halves of characters, which no UTF-8 holds, become '?'."""
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    body = text.encode("utf-8", "replace")
    return len(body).to_bytes(_LENGTH, "big") + body


def decode(body: bytes) -> Event:
    """Read the body of a frame."""
    try:
        event = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise FrameError("A frame is not JSON in UTF-8, or too deep.") from None
    if not isinstance(event, dict):
        raise FrameError("A frame is not a JSON object.")
    if not all(value is None or isinstance(value, str | int) for value in event.values()):
        raise FrameError("A frame holds more than texts, whole numbers, booleans and null.")
    return event


def parts(text: str) -> Iterator[tuple[str, bool]]:
    """Cut a text into what fits into a frame each, and say which part is the last."""
    for start in range(0, max(len(text), 1), MAX_TEXT):
        yield text[start : start + MAX_TEXT], start + MAX_TEXT >= len(text)


class Channel:
    """One end of a channel, over a socket or a pair of pipes."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        os.set_blocking(read_fd, False)
        os.set_blocking(write_fd, False)
        self.read_fd = read_fd
        self.write_fd = write_fd
        self.has_ended = False
        """Whether the peer has closed its end."""
        self.pending = 0
        """Bytes that the peer has not taken yet."""
        self._outgoing: deque[memoryview] = deque()
        self._incoming = bytearray()

    def send(self, event: Event) -> None:
        """Send an event, now as far as the peer takes it, the rest with ``flush``."""
        frame = memoryview(encode(event))
        self._outgoing.append(frame)
        self.pending += len(frame)
        self.flush()

    def flush(self) -> None:
        """Write as much as the peer takes; what a peer that is gone would have read is dropped."""
        try:
            while self._outgoing:
                written = os.write(self.write_fd, self._outgoing[0])
                self.pending -= written
                rest = self._outgoing[0][written:]
                if rest:
                    self._outgoing[0] = rest
                else:
                    self._outgoing.popleft()
        except BlockingIOError:
            return
        except (BrokenPipeError, ConnectionResetError):
            self._outgoing.clear()
            self.pending = 0

    def receive(self) -> list[Event]:
        """Return events that have come, or raise ``FrameError``; there may be more."""
        self._read()
        events = []
        start = 0
        while (end := self._end_of_frame(start)) is not None:
            events.append(decode(bytes(self._incoming[start + _LENGTH : end])))
            start = end
        del self._incoming[:start]
        return events

    def close(self) -> None:
        """Close both ends: the peer reads the end of what there is."""
        for fd in {self.read_fd, self.write_fd}:
            os.close(fd)

    def _read(self) -> None:
        try:
            while not self.has_ended and len(self._incoming) < _READ_BYTES:
                chunk = os.read(self.read_fd, _READ_BYTES - len(self._incoming))
                self._incoming += chunk
                self.has_ended = not chunk
        except BlockingIOError:
            return
        except ConnectionResetError:
            self.has_ended = True

    def _end_of_frame(self, start: int) -> int | None:
        """Return where the frame that begins at ``start`` ends, once it has come."""
        body = start + _LENGTH
        if len(self._incoming) < body:
            return None
        length = int.from_bytes(self._incoming[start:body], "big")
        if length > MAX_FRAME:
            raise FrameError(f"A frame of {length} bytes came; {MAX_FRAME} are allowed.")
        return body + length if len(self._incoming) >= body + length else None
