"""Messages count the pods that were lost while they answered, apart from all attempts."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the count; what replicas of the version before insert has no losses yet."""
    op.add_column(
        "messages", sa.Column("losses", sa.Integer(), nullable=False, server_default=sa.text("0"))
    )
