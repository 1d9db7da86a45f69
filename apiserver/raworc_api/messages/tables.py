"""Table of messages."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from raworc_api.core.database import TABLE, Json, LongText, UtcDateTime


class MessageRecord(SQLModel, table=True):
    """One message of a session; ``error`` is ``{reason, message}``.

    ``seq`` is its place in the conversation, ``revision`` the session's revision that last
    changed it. ``reply_to`` is unique: whatever happens, a message has at most one answer.
    ``losses`` counts the attempts whose pod was lost, not those that a pod handed back.
    ``cancel_requested`` is for the host that answers it. ``size`` is that of the content in bytes,
    and missing where a replica of version 0.1.0 added the message.
    """

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("session_id", "seq", name="uq_messages_seq"),
        UniqueConstraint("session_id", "idempotency_key", name="uq_messages_idempotency"),
        UniqueConstraint("reply_to", name="uq_messages_reply_to"),
        Index("ix_messages_revision", "session_id", "revision"),
        # The host's question: the oldest message that is neither answered nor failed.
        Index("ix_messages_status", "session_id", "status", "seq"),
        TABLE,
    )

    id: str = Field(primary_key=True, max_length=36)
    session_id: str = Field(foreign_key="sessions.id", ondelete="CASCADE", max_length=36)
    seq: int = Field(sa_type=BigInteger)
    revision: int = Field(sa_type=BigInteger)
    role: str = Field(max_length=16)
    content: str = Field(sa_type=LongText)
    metadata_: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column("metadata", Json, nullable=False)
    )
    status: str = Field(max_length=16)
    reply_to: str | None = Field(default=None, max_length=36)
    agent: str | None = Field(default=None, max_length=40)
    attempt: int = 0
    losses: int = 0
    cancel_requested: bool = False
    size: int | None = None
    error: dict[str, Any] | None = Field(default=None, sa_type=Json)
    created_by: str = Field(max_length=253)
    created_at: datetime = Field(sa_type=UtcDateTime)
    idempotency_key: str | None = Field(default=None, max_length=255)
    fingerprint: str | None = Field(default=None, max_length=64)
