"""What a session's host asks of the API, and tells it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from raworc_api.core.bodies import Body, Metadata, View
from raworc_crds.space import AgentName

MAX_ANSWER = 16 * 1024 * 1024
MAX_PIECE = 256 * 1024
MAX_REASON_TEXT = 8192
MAX_WAIT_SECONDS = 60


def _repaired(text: str) -> str:
    """Replace what UTF-8 cannot hold: an agent's odd text is no reason to lose its turn."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _bounded_piece(text: str) -> str:
    if len(text) > MAX_PIECE:
        raise ValueError(f"must be at most {MAX_PIECE} characters")
    return text


MessageId = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Attempt = Annotated[int, Field(ge=1, le=1000)]


class AnswerStatus(StrEnum):
    """How a turn ended."""

    ANSWERED = "answered"
    FAILED = "failed"
    CANCELLED = "cancelled"


class FailureReason(StrEnum):
    """Why the API itself fails a message."""

    AGENT_ERROR = "AgentError"
    AGENT_LOST = "AgentLost"
    ANSWER_TOO_LARGE = "AnswerTooLarge"


class EmptyBody(Body):
    """Nothing needs to be said."""


class PieceBody(Body):
    """One piece of an answer that is still being given."""

    message_id: MessageId
    attempt: Attempt
    index: Annotated[int, Field(ge=0, le=10_000_000)]
    text: Annotated[str, AfterValidator(_repaired), AfterValidator(_bounded_piece)]


class HeartbeatBody(Body):
    """A turn that goes on."""

    message_id: MessageId
    attempt: Attempt
    state: Literal["busy"]


class HeartbeatView(View):
    """What the host is to do about its turn."""

    cancel: bool


class AnswerBody(Body):
    """The end of a turn: an answer, or why there is none."""

    message_id: MessageId
    attempt: Attempt
    status: AnswerStatus
    content: Annotated[str, AfterValidator(_repaired)] = ""
    reason: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]{1,63}$")] | None = None
    agent: AgentName | None = None
    metadata: Metadata = Field(default_factory=dict)


class ClaimView(View):
    """The session that the pod is the host of now."""

    session_id: str
    space: str
    agent: str | None
    created_by: str
    metadata: dict[str, str]
    settings: dict[str, str]
    busy_timeout_seconds: int | None


class TurnMessageView(View):
    """The message to answer."""

    id: str
    role: str
    content: str
    metadata: dict[str, Any]
    agent: str | None
    attempt: int
    created_at: datetime


class HistoryView(View):
    """One earlier message of the session."""

    role: str
    content: str
    agent: str | None
    created_at: datetime


class TurnView(View):
    """One turn: the message to answer, and what was said before, oldest first."""

    message: TurnMessageView
    history: list[HistoryView]


class NextView(View):
    """What comes after an answer: the next turn, if there is one."""

    next: TurnView | None
