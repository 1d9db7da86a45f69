"""Messages carry their size, so that a page is cut without reading what it leaves out.

MySQL adds a column that may be empty at once and without a lock; rows are filled in small steps,
each of which is committed. Empty it may stay: replicas of the version before go on adding messages
without it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_STEP = 500
# By the primary key, so that each step reads only its own rows.
_LAST = sa.text(
    "SELECT MAX(id) FROM (SELECT id FROM messages WHERE id > :after ORDER BY id LIMIT :step) step"
)
_FILL = sa.text(
    "UPDATE messages SET size = OCTET_LENGTH(content)"
    " WHERE id > :after AND id <= :last AND size IS NULL"
)


def upgrade() -> None:
    """Add the column, and fill it."""
    op.add_column("messages", sa.Column("size", sa.Integer(), nullable=True))
    connection, after = op.get_bind(), ""
    while (last := connection.execute(_LAST, {"after": after, "step": _STEP}).scalar()) is not None:
        connection.execute(_FILL, {"after": after, "last": last})
        connection.commit()
        after = last
