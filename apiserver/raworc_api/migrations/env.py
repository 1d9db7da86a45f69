"""Alembic's entry: runs the migrations on the connection that it is handed."""

from alembic import context

from raworc_api.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata(),
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
