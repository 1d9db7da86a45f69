"""An agent that remembers facts in a file on its session's volume."""

import json
import os
from pathlib import Path
from typing import TypedDict

_FILE = Path(os.environ.get("RAWORC_STATE_DIR", "/session/state")) / "memory.json"


class Memory(TypedDict):
    """What is remembered."""

    messages: int
    facts: list[str]


def process_message(message: str, _context: dict[str, object]) -> str:
    """Remember what follows "remember", and tell what is known."""
    memory = _read()
    memory["messages"] += 1
    first, _, fact = message.strip().partition(" ")
    if first.lower().rstrip(":") == "remember" and fact:
        memory["facts"].append(fact.strip().rstrip(".").removeprefix("that "))
    _write(memory)
    return f"This is message {memory['messages']} of our session. {_known(memory['facts'])}"


def _known(facts: list[str]) -> str:
    return f"I know: {'; '.join(facts)}." if facts else "I know nothing yet."


def _read() -> Memory:
    if not _FILE.exists():
        return {"messages": 0, "facts": []}
    memory: Memory = json.loads(_FILE.read_text())
    return memory


def _write(memory: Memory) -> None:
    """Write all or nothing: the pod may end at any moment."""
    fresh = _FILE.with_suffix(".new")
    fresh.write_text(json.dumps(memory))
    fresh.replace(_FILE)
