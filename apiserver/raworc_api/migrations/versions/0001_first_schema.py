"""The first schema: accounts, spaces, builds, sessions, messages and the outbox."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None

TABLE: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_0900_bin",
}
Moment = mysql.DATETIME(fsp=6)


def upgrade() -> None:
    """Create every table."""
    _create_accounts()
    _create_roles()
    _create_role_bindings()
    _create_spaces()
    _create_builds()
    _create_sessions()
    _create_messages()
    _create_outbox()


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", sa.String(253), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("name"),
        **TABLE,
    )


def _create_roles() -> None:
    op.create_table(
        "roles",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("name"),
        **TABLE,
    )


def _create_role_bindings() -> None:
    op.create_table(
        "role_bindings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("principal", sa.String(253), nullable=False),
        sa.Column("role", sa.String(63), nullable=False),
        sa.Column("space", sa.String(40), nullable=True),
        sa.ForeignKeyConstraint(["role"], ["roles.name"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("principal", "role", "space", name="uq_role_bindings"),
        **TABLE,
    )
    op.create_index("ix_role_bindings_space", "role_bindings", ["space"], unique=False)


def _create_spaces() -> None:
    op.create_table(
        "spaces",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("uid", sa.String(36), nullable=True),
        sa.Column("description", sa.String(1024), nullable=True),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("applied_spec", sa.JSON(), nullable=True),
        sa.Column("status", sa.JSON(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("deleting", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(253), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("name"),
        **TABLE,
    )


def _create_builds() -> None:
    op.create_table(
        "builds",
        sa.Column("space", sa.String(40), nullable=False),
        sa.Column("build_id", sa.String(63), nullable=False),
        sa.Column("started_at", Moment, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("image_tag", sa.String(255), nullable=False),
        sa.Column("completed_at", Moment, nullable=True),
        sa.Column("agents", sa.JSON(), nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("space", "build_id", "started_at"),
        **TABLE,
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("space", sa.String(40), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("uid", sa.String(36), nullable=True),
        sa.Column("agent", sa.String(40), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("applied_spec", sa.JSON(), nullable=True),
        sa.Column("cr_state", sa.String(16), nullable=True),
        sa.Column("conditions", sa.JSON(), nullable=False),
        sa.Column("status", sa.JSON(), nullable=True),
        sa.Column("host_pod_uid", sa.String(36), nullable=True),
        sa.Column("host_state", sa.String(8), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("next_seq", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("deleting", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(253), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("last_activity_at", Moment, nullable=False),
        sa.Column("idempotency_key", sa.String(255), nullable=True),
        sa.Column("fingerprint", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("created_by", "idempotency_key", name="uq_sessions_idempotency"),
        sa.UniqueConstraint("space", "name", name="uq_sessions_name"),
        **TABLE,
    )
    op.create_index("ix_sessions_created", "sessions", ["created_at", "id"], unique=False)


def _create_messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("content", mysql.LONGTEXT(collation="utf8mb4_0900_bin"), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reply_to", sa.String(36), nullable=True),
        sa.Column("agent", sa.String(40), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("created_by", sa.String(253), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("idempotency_key", sa.String(255), nullable=True),
        sa.Column("fingerprint", sa.String(64), nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("reply_to", name="uq_messages_reply_to"),
        sa.UniqueConstraint("session_id", "idempotency_key", name="uq_messages_idempotency"),
        sa.UniqueConstraint("session_id", "seq", name="uq_messages_seq"),
        **TABLE,
    )
    op.create_index("ix_messages_revision", "messages", ["session_id", "revision"], unique=False)
    op.create_index("ix_messages_status", "messages", ["session_id", "status", "seq"], unique=False)


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("space", sa.String(40), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("ticket", sa.String(36), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("available_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("kind", "space", "name"),
        **TABLE,
    )
    op.create_index("ix_outbox_available", "outbox", ["available_at"], unique=False)
