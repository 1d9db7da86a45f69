"""The agents of the image, as the build listed them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from raworc_runner.channel import Event
from raworc_runner.journal import note

_DEFAULT_RUNTIME = "python"
_DEFAULT_HANDLER = "main.process_message"
# Far more than a Space may say of an agent; and it fits into a frame.
_MAX_TEXT = 8192


class Agent(NamedTuple):
    """One agent of the image."""

    name: str
    runtime: str
    handler: str
    description: str
    purpose: str
    capabilities: Sequence[str]
    program: str | None
    """The interpreter that runs it, or its binary, where it is not that of the runtime."""

    @classmethod
    def parse(cls, wire: Mapping[str, Any]) -> Self:
        """Read one entry of the list."""
        return cls(
            name=wire["name"],
            runtime=wire.get("runtime") or _DEFAULT_RUNTIME,
            handler=wire.get("handler") or _DEFAULT_HANDLER,
            description=wire.get("description") or "",
            purpose=wire.get("purpose") or "",
            capabilities=wire.get("capabilities") or (),
            program=wire.get("program"),
        )

    def introduction(self) -> Event:
        """Return what the host chooses agents by."""
        profile = " ".join((self.purpose, self.description, *self.capabilities))
        return {"type": "agent", "name": self.name, "profile": profile[:_MAX_TEXT]}


def read_catalogue(path: Path) -> tuple[Agent, ...]:
    """Read the list; an image without a readable one has no agents."""
    try:
        listed: list[Any] = json.loads(path.read_bytes())
        return tuple(Agent.parse(wire) for wire in listed)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        note(f"{path} lists no agents: {error!r}")
        return ()
