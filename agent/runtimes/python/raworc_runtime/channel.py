"""The channel to the host: a line of JSON for each event, on two descriptors of their own.

The host sends ``{turn, message, context}``. It is told ``{type: ready}`` once, then for each turn
any number of ``{type: piece, turn, text}`` and at the end ``{type: answer, turn, content}`` or
``{type: failed, turn, reason, message}``. A ``failed`` without a turn says that nothing was loaded.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

_ORDERS_FD, _EVENTS_FD = 3, 4
_ENCODING = ("utf-8", "surrogatepass")
_MAX_FAILURE = 4000


class Channel:
    """The agent's two ends."""

    def __init__(self) -> None:
        self._turn: str | None = None
        for fd in (_ORDERS_FD, _EVENTS_FD):
            # Programs that the agent starts have no business here.
            os.set_inheritable(fd, False)  # noqa: FBT003 - the name says it

    def orders(self) -> Iterator[dict[str, Any]]:
        """Wait for one order after the other, until the host closes the channel."""
        with open(_ORDERS_FD, "rb") as lines:
            for line in lines:
                order = json.loads(line.decode(*_ENCODING))
                self._turn = order["turn"]
                yield order

    def tell_ready(self) -> None:
        """Say that the agent is loaded."""
        self._send({"type": "ready"})

    def tell_piece(self, text: str) -> None:
        """Pass on a piece of the answer."""
        self._send({"type": "piece", "turn": self._turn, "text": text})

    def tell_answer(self, content: str) -> None:
        """Give the answer."""
        self._send({"type": "answer", "turn": self._turn, "content": content})

    def tell_failed(self, reason: str, message: str) -> None:
        """Say that there is no answer, and why."""
        text = whole_characters(message)[:_MAX_FAILURE]
        self._send({"type": "failed", "turn": self._turn, "reason": reason, "message": text})

    def _send(self, event: dict[str, Any]) -> None:
        line = json.dumps(event, ensure_ascii=False).encode(*_ENCODING) + b"\n"
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(_EVENTS_FD, rest) :]
        except BrokenPipeError:
            # The host has dismissed this process: nobody waits for what it has to say.
            raise SystemExit from None


def whole_characters(text: str) -> str:
    """Join halves of characters, and replace those that stayed alone: no UTF-8 holds them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
