"""The mirror knows its cluster, and reports of hosts wait in a lane of their own."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"

TABLE: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_0900_bin",
}


def upgrade() -> None:
    """Add both; what replicas of the version before insert into the outbox is no report."""
    op.add_column(
        "outbox", sa.Column("is_report", sa.Boolean(), nullable=False, server_default=sa.text("0"))
    )
    op.create_table(
        "cluster_identities",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("cluster_uid", sa.String(36), nullable=False),
        sa.Column("spaces_uid", sa.String(36), nullable=False),
        sa.Column("sessions_uid", sa.String(36), nullable=False),
        sa.Column("recorded_at", mysql.DATETIME(fsp=6), nullable=False),
        sa.PrimaryKeyConstraint("kind"),
        **TABLE,
    )
