"""Table of spaces."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from raworc_api.core.database import TABLE, Json, UtcDateTime


class SpaceRecord(SQLModel, table=True):
    """A space as the API knows it; ``spec`` and ``status`` are in the wire form of the CRD.

    ``applied_spec`` is the spec on which record and cluster last agreed: what differs from it here
    was changed through REST, what differs from it there was changed with kubectl.
    Change ``spec`` only under the row's lock, and with ``outbox.request`` in the same transaction.
    """

    __tablename__ = "spaces"
    __table_args__ = (TABLE,)

    name: str = Field(primary_key=True, max_length=40)
    uid: str | None = Field(default=None, max_length=36)
    description: str | None = Field(default=None, max_length=1024)
    spec: dict[str, Any] = Field(sa_type=Json)
    applied_spec: dict[str, Any] | None = Field(default=None, sa_type=Json)
    status: dict[str, Any] | None = Field(default=None, sa_type=Json)
    generation: int = 0
    version: int = 1
    deleting: bool = False
    created_by: str = Field(max_length=253)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
