"""Alembic's entry: runs the migrations on the connection that it is handed.

MySQL commits every statement that changes the schema, and Alembic writes the revision after the
last of them. So a migration that is interrupted (an eviction, a restart of MySQL) is run again from
its first statement, and each statement must allow that: what exists already is left as it is. This
is done here for all revisions; a revision that runs SQL of its own sees to it itself.
"""

from typing import Any

from alembic import context
from alembic.ddl.mysql import MySQLImpl
from sqlalchemy import Column, Index, Table, inspect

from raworc_api.schema import VERSION_TABLE, metadata


class RepeatableMySQL(MySQLImpl):
    """Adds what is missing; Alembic takes it for ``mysql`` because it was defined last."""

    __dialect__ = "mysql"

    def create_table(self, table: Table, **options: Any) -> None:  # noqa: ANN401 - Alembic's own
        """Create a table, unless it exists."""
        if not inspect(self.connection).has_table(table.name):
            super().create_table(table, **options)

    def add_column(self, table_name: str, column: Column[Any], **options: Any) -> None:  # noqa: ANN401 - Alembic's own
        """Add a column, unless it exists."""
        columns = inspect(self.connection).get_columns(table_name)
        if column.name not in {known["name"] for known in columns}:
            super().add_column(table_name, column, **options)

    def create_index(self, index: Index, **options: Any) -> None:  # noqa: ANN401 - Alembic's own
        """Create an index, unless it exists."""
        table = index.table
        known = table is not None and inspect(self.connection).get_indexes(table.name)
        if str(index.name) not in {one["name"] for one in known or ()}:
            super().create_index(index, **options)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata(),
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
