"""Tables of the mirror: what has to be applied, and which cluster the records belong to."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from raworc_api.core.database import TABLE, UtcDateTime


class OutboxRow(SQLModel, table=True):
    """One record that changed and is not applied yet; a Space's ``space`` is its own name.

    ``ticket`` is new with every change, so that the mirror removes a row only as it read it.
    (A counter would start again when a row is removed and made anew.) ``is_report`` says that
    nothing changed but what the host is doing; such rows have a lane of their own.
    """

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_available", "available_at"), TABLE)

    kind: str = Field(primary_key=True, max_length=16)
    space: str = Field(primary_key=True, max_length=40)
    name: str = Field(primary_key=True, max_length=63)
    ticket: str = Field(max_length=36)
    attempts: int = 0
    available_at: datetime = Field(sa_type=UtcDateTime)
    is_report: bool = Field(default=False, sa_column_kwargs={"server_default": text("0")})


class IdentityRecord(SQLModel, table=True):
    """The cluster, and the definitions in it, that the records of a kind are mirrored to.

    When these are other ones, the objects' absence says nothing about what people want.
    """

    __tablename__ = "cluster_identities"
    __table_args__ = (TABLE,)

    kind: str = Field(primary_key=True, max_length=16)
    cluster_uid: str = Field(max_length=36)
    spaces_uid: str = Field(max_length=36)
    sessions_uid: str = Field(max_length=36)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
