"""Table of sessions."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from raworc_api.core.database import TABLE, Json, UtcDateTime


class SessionRecord(SQLModel, table=True):
    """A session as the API knows it; ``spec``, ``conditions`` and ``status`` are in wire form.

    ``closed`` and ``agent`` repeat ``spec`` for queries; both are changed together.
    ``applied_spec`` is the spec on which record and cluster last agreed.
    ``revision`` numbers what event streams show: it is raised under the row's lock by whatever
    changes the session or one of its messages. ``next_seq`` is the number of the next message.
    Until ``host_lease_until`` the host has time to speak; where it did not, ``host_silent`` is set.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        UniqueConstraint("space", "name", name="uq_sessions_name"),
        UniqueConstraint("created_by", "idempotency_key", name="uq_sessions_idempotency"),
        Index("ix_sessions_created", "created_at", "id"),
        Index("ix_sessions_lease", "host_lease_until"),
        TABLE,
    )

    id: str = Field(primary_key=True, max_length=36)
    space: str = Field(max_length=40)
    name: str = Field(max_length=63)
    uid: str | None = Field(default=None, max_length=36)
    agent: str | None = Field(default=None, max_length=40)
    closed: bool = False
    spec: dict[str, Any] = Field(sa_type=Json)
    applied_spec: dict[str, Any] | None = Field(default=None, sa_type=Json)
    cr_state: str | None = Field(default=None, max_length=16)
    conditions: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    status: dict[str, Any] | None = Field(default=None, sa_type=Json)
    host_pod_uid: str | None = Field(default=None, max_length=36)
    host_state: str | None = Field(default=None, max_length=8)
    host_lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    host_silent: bool = Field(default=False, sa_column_kwargs={"server_default": text("0")})
    revision: int = Field(default=1, sa_type=BigInteger)
    next_seq: int = Field(default=1, sa_type=BigInteger)
    generation: int = 0
    deleting: bool = False
    created_by: str = Field(max_length=253)
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_activity_at: datetime = Field(sa_type=UtcDateTime)
    idempotency_key: str | None = Field(default=None, max_length=255)
    fingerprint: str | None = Field(default=None, max_length=64)
