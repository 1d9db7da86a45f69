"""What a binary is given: arguments and variables that the kernel takes, and its input."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

from raworc_runtime.channel import whole_characters

# Of an argument, or of a variable with its name and a last byte.
_MAX_BYTES = 128 * 1024 - 64

Context = Mapping[str, Any]


class Given(NamedTuple):
    """The message and its context, in each of the ways that a binary may look for them."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    input: bytes

    @classmethod
    def of(cls, message: str, context: Context, handler: str) -> Self:
        """Lay out one order."""
        message = whole_characters(message)
        whole = json.dumps({"message": message, "context": context}).encode()
        environment = {"RAWORC_HANDLER": handler, **_of_context(context)}
        if "\0" in message or len(message.encode()) > _MAX_BYTES:
            return cls([], environment, whole)
        return cls([message], {**environment, "AGENT_MESSAGE": message}, whole)


def _of_context(context: Context) -> Mapping[str, str]:
    """Write the context with as much of its history, from its end, as there is room for."""
    room = _MAX_BYTES - len(json.dumps({**context, "history": []}))
    if room < 0:
        return {}
    kept: list[Any] = []
    for said in reversed(context["history"]):
        room -= len(json.dumps(said)) + len(", ")
        if room < 0:
            break
        kept.append(said)
    return {"AGENT_CONTEXT": json.dumps({**context, "history": kept[::-1]})}
