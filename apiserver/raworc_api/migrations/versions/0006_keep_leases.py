"""Hosts have leases."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add them; a host has none until it speaks, as replicas of the version before store none."""
    op.add_column("sessions", sa.Column("host_lease_until", mysql.DATETIME(fsp=6)))
    op.add_column(
        "sessions",
        sa.Column("host_silent", sa.Boolean(), nullable=False, server_default=sa.text("0")),
    )
    op.create_index("ix_sessions_lease", "sessions", ["host_lease_until"])
