"""What goes between host and API server, as values."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

from raworc_host.spool import Spool

Json = Mapping[str, Any]

_REASON = re.compile(r"[A-Z][A-Za-z]{1,63}")
_MAX_REASON_TEXT = 8192


class Claim(NamedTuple):
    """The session that this pod hosts."""

    session_id: str
    space: str
    agent: str | None
    created_by: str
    metadata: Json
    settings: Json
    busy_timeout_seconds: float | None

    @classmethod
    def parse(cls, wire: Json) -> Self:
        """Read what the API server answered to a claim."""
        return cls(
            session_id=wire["session_id"],
            space=wire["space"],
            agent=wire.get("agent") or None,
            created_by=wire.get("created_by") or "",
            metadata=wire.get("metadata") or {},
            settings=wire.get("settings") or {},
            busy_timeout_seconds=wire.get("busy_timeout_seconds"),
        )


class Attempt(NamedTuple):
    """One attempt at a message."""

    message_id: str
    number: int


class Message(NamedTuple):
    """A message that waits for its answer, and what was said before it."""

    id: str
    content: str
    metadata: Json
    agent: str | None
    created_at: str
    attempt: int
    history: Sequence[Json]

    @classmethod
    def parse(cls, wire: Json) -> Self:
        """Read a message and its history."""
        message = wire["message"]
        return cls(
            id=message["id"],
            content=message["content"],
            metadata=message.get("metadata") or {},
            agent=message.get("agent") or None,
            created_at=message["created_at"],
            attempt=message["attempt"],
            history=wire.get("history") or (),
        )


class Answered(NamedTuple):
    """The agent answered."""

    content: Spool


class Failed(NamedTuple):
    """There is no answer, and this is why."""

    reason: str
    message: str

    @classmethod
    def told(cls, reason: object, message: object) -> Self:
        """Take over what an agent's container says, as far as the API server takes it."""
        known = reason if isinstance(reason, str) and _REASON.fullmatch(reason) else "AgentError"
        return cls(known, str(message)[:_MAX_REASON_TEXT])


class Cancelled(NamedTuple):
    """The answer is no longer wanted."""


Outcome = Answered | Failed | Cancelled


class Body(NamedTuple):
    """The body of a request, which is never in memory whole; it may be sent again."""

    head: bytes
    spool: Spool
    tail: bytes

    def slices(self) -> Iterator[bytes]:
        """Yield the body in order."""
        yield self.head
        yield from self.spool.json_slices()
        yield self.tail

    def __len__(self) -> int:
        """Return the number of its bytes."""
        return sum(map(len, self.slices()))


class Answer(NamedTuple):
    """How one attempt at a message ended."""

    attempt: Attempt
    outcome: Outcome
    agent: str | None
    metadata: Json

    def render(self) -> Body:
        """Write it as the API server reads it."""
        wire: dict[str, Any] = {
            "message_id": self.attempt.message_id,
            "attempt": self.attempt.number,
            "metadata": self.metadata,
        }
        if self.agent is not None:
            wire["agent"] = self.agent
        match self.outcome:
            case Answered(content):
                wire["status"] = "answered"
            case Failed(reason, message):
                wire |= {"status": "failed", "reason": reason}
                content = Spool(message)
            case Cancelled():
                wire["status"] = "cancelled"
                content = Spool()
        # The content comes last, so that what is long needs no copy.
        head = json.dumps(wire, ensure_ascii=False)[:-1] + ', "content": "'
        return Body(head.encode("utf-8", "replace"), content, b'"}')


def order_of(claim: Claim, message: Message, agent: str, text: str) -> Iterator[str]:
    """Yield the JSON of what an agent is given, bit by bit: its history may be long."""
    context = {
        "session_id": claim.session_id,
        "space": claim.space,
        "agent": agent,
        "message_id": message.id,
        "attempt": message.attempt,
        "timestamp": message.created_at,
        "created_by": claim.created_by,
        # The session's, and over it what is said with this one message.
        "metadata": {**claim.metadata, **message.metadata},
        "settings": claim.settings,
    }
    yield f'{{"message":{json.dumps(text)},"context":{json.dumps(context)[:-1]},"history":['
    for number, said in enumerate(message.history):
        yield f"{',' if number else ''}{json.dumps(said)}"
    yield "]}}"
