"""Table of builds."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from raworc_api.core.database import TABLE, Json, UtcDateTime


class BuildRecord(SQLModel, table=True):
    """One build of a space, as its status told it; ``status`` is a ``BuildState``.

    The same content may be built again, under the same id, so the start belongs to the key.
    ``agents`` is a list of ``{name, commit}``, ``error`` is ``{reason, message}``.
    """

    __tablename__ = "builds"
    __table_args__ = (TABLE,)

    space: str = Field(primary_key=True, max_length=40)
    build_id: str = Field(primary_key=True, max_length=63)
    started_at: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    status: str = Field(max_length=16)
    image_tag: str = Field(max_length=255)
    completed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    agents: list[dict[str, Any]] = Field(sa_type=Json)
    error: dict[str, Any] | None = Field(default=None, sa_type=Json)
