"""Table of the outbox: the records whose custom resource has to follow."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from raworc_api.core.database import TABLE, UtcDateTime


class OutboxRow(SQLModel, table=True):
    """One record that changed and is not applied yet; a Space's ``space`` is its own name.

    ``ticket`` is new with every change, so that the mirror removes a row only as it read it.
    (A counter would start again when a row is removed and made anew.)
    """

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_available", "available_at"), TABLE)

    kind: str = Field(primary_key=True, max_length=16)
    space: str = Field(primary_key=True, max_length=40)
    name: str = Field(primary_key=True, max_length=63)
    ticket: str = Field(max_length=36)
    attempts: int = 0
    available_at: datetime = Field(sa_type=UtcDateTime)
