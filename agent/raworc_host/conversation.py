"""What goes between host and API server, as values."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

Json = Mapping[str, Any]


class Claim(NamedTuple):
    """The session that this pod hosts."""

    session_id: str
    space: str
    agent: str | None
    created_by: str
    metadata: Json
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
            busy_timeout_seconds=wire.get("busy_timeout_seconds"),
        )


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

    content: str


class Failed(NamedTuple):
    """There is no answer, and this is why."""

    reason: str
    message: str


class Answer(NamedTuple):
    """How one attempt at a message ended."""

    message_id: str
    attempt: int
    outcome: Answered | Failed
    agent: str | None
    metadata: Json

    def render(self) -> Json:
        """Write it as the API server reads it."""
        answered = isinstance(self.outcome, Answered)
        wire: dict[str, Any] = {
            "message_id": self.message_id,
            "attempt": self.attempt,
            "status": "answered" if answered else "failed",
            "content": self.outcome[-1],
            "metadata": self.metadata,
        }
        if self.agent is not None:
            wire["agent"] = self.agent
        if isinstance(self.outcome, Failed):
            wire["reason"] = self.outcome.reason
        return wire
