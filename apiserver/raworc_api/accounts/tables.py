"""Tables of accounts, their logins and tokens, roles and role bindings."""

from datetime import datetime
from typing import Any

from sqlalchemy import CHAR, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from raworc_api.core.database import TABLE, Json, UtcDateTime


class Account(SQLModel, table=True):
    """Someone who can log in, or a program that has tokens.

    ``ended_at`` is when the last of its logins or tokens was ended by somebody. An account that was
    deleted stays as a row, so that nobody else gets its name and, with that, its sessions.
    """

    __tablename__ = "accounts"
    __table_args__ = (TABLE,)

    name: str = Field(primary_key=True, max_length=253)
    password_hash: str = Field(max_length=255)
    active: bool = True
    created_at: datetime = Field(sa_type=UtcDateTime)
    description: str | None = Field(default=None, max_length=1024)
    updated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_login_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Login(SQLModel, table=True):
    """One login, for as long as it is refreshed; ``secret_hash`` is of its newest refresh token."""

    __tablename__ = "logins"
    __table_args__ = (TABLE,)

    id: str = Field(primary_key=True, max_length=36)
    account: str = Field(foreign_key="accounts.name", max_length=253, ondelete="CASCADE")
    secret_hash: str = Field(sa_type=CHAR(64))
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class ApiToken(SQLModel, table=True):
    """A token of an account for programs; only its hash is kept.

    Without ``rules`` it may do what its account may, without ``spaces`` in all of them.
    """

    __tablename__ = "api_tokens"
    __table_args__ = (
        UniqueConstraint("account", "name", name="uq_api_tokens_name"),
        UniqueConstraint("secret_hash", name="uq_api_tokens_secret"),
        TABLE,
    )

    id: str = Field(primary_key=True, max_length=36)
    account: str = Field(foreign_key="accounts.name", max_length=253, ondelete="CASCADE")
    name: str = Field(max_length=63)
    secret_hash: str = Field(sa_type=CHAR(64))
    prefix: str = Field(max_length=16)
    rules: list[dict[str, Any]] | None = Field(default=None, sa_type=Json)
    spaces: list[str] | None = Field(default=None, sa_type=Json)
    created_by: str = Field(max_length=253)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class LoginFailures(SQLModel, table=True):
    """How many logins failed in a window of time, by a hash of the account, the address or both."""

    __tablename__ = "login_failures"
    __table_args__ = (Index("ix_login_failures_ends", "ends_at"), TABLE)

    subject_hash: str = Field(primary_key=True, sa_type=CHAR(64))
    failures: int
    ends_at: datetime = Field(sa_type=UtcDateTime)


class Role(SQLModel, table=True):
    """A named list of rules, each of which allows something."""

    __tablename__ = "roles"
    __table_args__ = (TABLE,)

    name: str = Field(primary_key=True, max_length=63)
    rules: list[dict[str, Any]] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=UtcDateTime)
    description: str | None = Field(default=None, max_length=1024)


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
    created_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
