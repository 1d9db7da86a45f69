"""Messages that are being answered can be asked to be cancelled."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the request; replicas of the version before insert messages without one."""
    op.add_column(
        "messages",
        sa.Column("cancel_requested", sa.Boolean(), nullable=False, server_default=sa.text("0")),
    )
