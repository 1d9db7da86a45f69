"""Tables of accounts, roles and role bindings."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from raworc_api.core.database import TABLE, Json, UtcDateTime


class Account(SQLModel, table=True):
    """Someone who can log in."""

    __tablename__ = "accounts"
    __table_args__ = (TABLE,)

    name: str = Field(primary_key=True, max_length=253)
    password_hash: str = Field(max_length=255)
    active: bool = True
    created_at: datetime = Field(sa_type=UtcDateTime)


class Role(SQLModel, table=True):
    """A named list of rules, each of which allows something."""

    __tablename__ = "roles"
    __table_args__ = (TABLE,)

    name: str = Field(primary_key=True, max_length=63)
    rules: list[dict[str, Any]] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=UtcDateTime)


class RoleBinding(SQLModel, table=True):
    """A role that a principal has, in one space or in all of them."""

    __tablename__ = "role_bindings"
    __table_args__ = (
        UniqueConstraint("principal", "role", "space", name="uq_role_bindings"),
        Index("ix_role_bindings_space", "space"),
        TABLE,
    )

    id: int | None = Field(default=None, primary_key=True)
    principal: str = Field(max_length=253)
    role: str = Field(foreign_key="roles.name", max_length=63)
    space: str | None = Field(default=None, max_length=40)
