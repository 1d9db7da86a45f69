"""Accounts are described and ended, and have logins and tokens; roles and bindings say more."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"

TABLE: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_0900_bin",
}
Moment = mysql.DATETIME(fsp=6)


def upgrade() -> None:
    """Add all of it; what replicas of the version before insert has none."""
    _describe_accounts()
    _create_logins()
    _create_api_tokens()
    _create_login_failures()


def _describe_accounts() -> None:
    op.add_column("accounts", sa.Column("description", sa.String(1024), nullable=True))
    for name in ("updated_at", "last_login_at", "ended_at", "deleted_at"):
        op.add_column("accounts", sa.Column(name, Moment, nullable=True))
    op.add_column("roles", sa.Column("description", sa.String(1024), nullable=True))
    op.add_column("role_bindings", sa.Column("created_at", Moment, nullable=True))


def _create_logins() -> None:
    op.create_table(
        "logins",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("account", sa.String(253), nullable=False),
        sa.Column("secret_hash", sa.CHAR(64), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        **TABLE,
    )


def _create_api_tokens() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("account", sa.String(253), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("secret_hash", sa.CHAR(64), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=True),
        sa.Column("spaces", sa.JSON(), nullable=True),
        sa.Column("created_by", sa.String(253), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("expires_at", Moment, nullable=True),
        sa.Column("last_used_at", Moment, nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account", "name", name="uq_api_tokens_name"),
        sa.UniqueConstraint("secret_hash", name="uq_api_tokens_secret"),
        **TABLE,
    )


def _create_login_failures() -> None:
    op.create_table(
        "login_failures",
        sa.Column("subject_hash", sa.CHAR(64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("ends_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("subject_hash"),
        **TABLE,
    )
    op.create_index("ix_login_failures_ends", "login_failures", ["ends_at"], unique=False)
