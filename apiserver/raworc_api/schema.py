"""Every table of the database, so that migrations and tests see them all."""

from sqlalchemy import MetaData
from sqlmodel import SQLModel

from raworc_api.accounts import tables as accounts
from raworc_api.builds import tables as builds
from raworc_api.messages import tables as messages
from raworc_api.mirror import tables as mirror
from raworc_api.sessions import tables as sessions
from raworc_api.spaces import tables as spaces

TABLES = (
    accounts.Account,
    accounts.Login,
    accounts.ApiToken,
    accounts.LoginFailures,
    accounts.Role,
    accounts.RoleBinding,
    spaces.SpaceRecord,
    builds.BuildRecord,
    sessions.SessionRecord,
    messages.MessageRecord,
    mirror.OutboxRow,
    mirror.IdentityRecord,
)

# Not Alembic's own: version 0.1.0 refuses a revision there that it does not know.
VERSION_TABLE = "schema_version"


def metadata() -> MetaData:
    """Return the schema as the code declares it."""
    return SQLModel.metadata
