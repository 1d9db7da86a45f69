"""The channel to the runner, on two descriptors of its own.

Each event is a frame: a length of four bytes, most significant first, and a JSON object without
anything nested. An order is ``{type: order, turn, text, is_last}``, in as many parts as it is long;
together they are ``{message, context}`` as JSON. The runner is told ``{type: ready}`` once, then
for each turn any number of ``{type: piece, turn, text}``, which are shown as they come and belong
to the answer, and at the end ``{type: answer, turn, text, is_last}`` in as many parts, or
``{type: failed, turn, reason, message}``. A ``failed`` without a turn says that nothing was loaded,
or, after ``ready``, why the process is about to end.
"""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

_ORDERS_FD, _EVENTS_FD = 3, 4
_LENGTH = 4
# Characters of a part; a frame may have 256 KiB, and each takes six bytes of it at most.
_MAX_TEXT = 32 * 1024
_MAX_FAILURE = 4000


class Channel:
    """The agent's two ends."""

    def __init__(self) -> None:
        self._turn: int | None = None
        for fd in (_ORDERS_FD, _EVENTS_FD):
            # Programs that the agent starts have no business here.
            os.set_inheritable(fd, False)  # noqa: FBT003 - the name says it

    def orders(self, wait: Callable[[int], None] = lambda _: None) -> Iterator[dict[str, Any]]:
        """Wait for one order after the other, until the runner closes the channel.

        ``wait`` may use the time until the descriptor can be read.
        """
        texts: list[str] = []
        while True:
            wait(_ORDERS_FD)
            length = _read(_LENGTH)
            if not length:
                return
            part = json.loads(_read(int.from_bytes(length, "big")))
            texts.append(part["text"])
            if part["is_last"]:
                self._turn = part["turn"]
                order = json.loads("".join(texts))
                texts.clear()
                yield order

    def tell_ready(self) -> None:
        """Say that the agent is loaded."""
        self._send({"type": "ready"})

    def tell_piece(self, text: str) -> None:
        """Pass on a piece of the answer, which is shown at once."""
        for part, _ in _parts(text):
            self._send({"type": "piece", "turn": self._turn, "text": part})

    def tell_answer(self, text: str) -> None:
        """End the answer with what no piece held."""
        for part, is_last in _parts(text):
            self._send({"type": "answer", "turn": self._turn, "text": part, "is_last": is_last})

    def tell_failed(self, reason: str, message: str) -> None:
        """Say that there is no answer, and why."""
        text = whole_characters(message)[:_MAX_FAILURE]
        self._send({"type": "failed", "turn": self._turn, "reason": reason, "message": text})

    def _send(self, event: dict[str, Any]) -> None:
        body = json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")
        rest = memoryview(len(body).to_bytes(_LENGTH, "big") + body)
        try:
            while rest:
                rest = rest[os.write(_EVENTS_FD, rest) :]
        except BrokenPipeError:
            # The runner has dismissed this process: nobody waits for what it has to say.
            raise SystemExit from None


def _read(length: int) -> bytes:
    """Read so many bytes, and none that come after them; fewer only where the channel ends."""
    read = bytearray()
    while len(read) < length and (chunk := os.read(_ORDERS_FD, length - len(read))):
        read += chunk
    return bytes(read)


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    for start in range(0, max(len(text), 1), _MAX_TEXT):
        yield text[start : start + _MAX_TEXT], start + _MAX_TEXT >= len(text)


def whole_characters(text: str) -> str:
    """Join halves of characters, and replace those that stayed alone: no UTF-8 holds them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
