"""What goes in and out of a session's messages."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from raworc_api.core.bodies import Body, Metadata, PlainText, View
from raworc_api.core.pages import PageQuery
from raworc_crds.space import AgentName

MAX_CONTENT = 1024 * 1024


class Role(StrEnum):
    """Who says it."""

    USER = "user"
    AGENT = "agent"
    SYSTEM = "system"


class MessageStatus(StrEnum):
    """How far a message got: one of a user is answered, failed or cancelled in the end."""

    QUEUED = "queued"
    PROCESSING = "processing"
    ANSWERED = "answered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DELIVERED = "delivered"


def _user_only(role: str) -> str:
    if role != Role.USER:
        raise ValueError("must be 'user': agents and the system write their own messages")
    return role


class MessageBody(Body):
    """A message to a session."""

    content: Annotated[PlainText, StringConstraints(min_length=1)] = Field(
        description="Text of the message; at most 1 MiB."
    )
    role: Annotated[str, AfterValidator(_user_only)] = Field(
        Role.USER, description="Always 'user'."
    )
    agent: AgentName | None = Field(None, description="The agent that is to answer.")
    metadata: Metadata = Field(default_factory=dict, description="Free notes, at most 16 KiB.")


def _without_alias(role: str) -> str:
    return "agent" if role == "assistant" else role


def _in_reach(moment: datetime) -> datetime:
    if not 1970 <= moment.year < 9999:  # noqa: PLR2004 - what MySQL and every zone can hold
        raise ValueError("must be a time after 1970")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class MessageFilter(Body):
    """Which messages of a session."""

    role: Annotated[Role, BeforeValidator(_without_alias)] | None = Field(
        None, description="Only those of this role; 'assistant' means 'agent'."
    )
    since: Annotated[datetime, AfterValidator(_in_reach)] | None = Field(
        None, description="Only those created at this time or later."
    )


class MessageQuery(MessageFilter, PageQuery):
    """Which page of which messages; ``after`` is a message's id or its `seq`."""


class MessageErrorView(View):
    """Why a message was not answered."""

    reason: str
    message: str


class MessageView(View):
    """A message, and how far it got."""

    id: str
    session_id: str
    seq: int
    role: Role
    content: str
    metadata: dict[str, Any]
    created_at: datetime
    status: MessageStatus
    reply_to: str | None
    agent: str | None
    error: MessageErrorView | None


class CountView(View):
    """How many messages there are."""

    count: int
