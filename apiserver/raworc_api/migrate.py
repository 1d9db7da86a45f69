"""Brings the schema of the database up to date: ``python -m raworc_api.migrate``.

Migrations only add, so an image runs on the schema of any later version: what is newer than this
version knows is left as it is. Version 0.1.0 did not know that rule yet and stops at a revision
that it does not know, so the table in which it looks keeps saying 0002, the last one it knew, and
a table of our own has the truth (decision 0020).
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.dialects.mysql import insert
from sqlalchemy.exc import OperationalError
from tenacity import before_sleep_log, retry, retry_if_exception_type, stop_after_delay, wait_fixed

from raworc_api.accounts.tables import Role
from raworc_api.core.database import database_engine
from raworc_api.roles.builtin import DESCRIPTIONS, ROLES
from raworc_api.schema import VERSION_TABLE
from raworc_api.settings import database_from_environment

_FOLDER = Path(__file__).parent / "migrations"
_WAIT_SECONDS = 120
# Where version 0.1.0 looks, and the last revision that it knows.
_OLD_TABLE = "alembic_version"
_LAST_OLD = "0002"
# A statement that rewrites a large table may take long.
_STATEMENT_SECONDS = 3600

logger = logging.getLogger(__name__)


def migrate(engine: Engine, now: datetime) -> None:
    """Bring the schema to its newest form; of several replicas one after the other does so."""
    with _connected(engine) as connection, _locked(connection):
        _upgrade(connection)
        _seed_roles(connection, now)


@retry(
    retry=retry_if_exception_type(OperationalError),
    stop=stop_after_delay(_WAIT_SECONDS),
    wait=wait_fixed(1),
    before_sleep=before_sleep_log(logger, logging.INFO),
    reraise=True,
)
def _connected(engine: Engine) -> Connection:
    """Connect as soon as the database answers: it may be starting beside us."""
    return engine.connect()


@contextmanager
def _locked(connection: Connection) -> Iterator[None]:
    """Hold the lock of this database's schema; MySQL frees it when the connection ends."""
    name = f"raworc_migrate:{connection.engine.url.database}"[:64]
    taken = connection.execute(
        text("SELECT GET_LOCK(:name, :seconds)"), {"name": name, "seconds": _WAIT_SECONDS}
    ).scalar_one()
    if taken != 1:
        raise SystemExit(f"Another migration held the lock '{name}' for {_WAIT_SECONDS} s.")
    try:
        yield
    finally:
        connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name})


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    _adopt_old_version(connection)
    current, scripts = _revision(connection, VERSION_TABLE), ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    if current is None or current in known:
        command.upgrade(config, "head")
    elif current > max(known):
        logger.info("The schema is at %s, which is newer than this version: it is kept.", current)
    else:
        raise SystemExit(f"The schema is at '{current}', which is not one of Raworc's revisions.")
    _write_old_version(connection)
    connection.commit()


def _revision(connection: Connection, table: str) -> str | None:
    if not inspect(connection).has_table(table):
        return None
    return connection.execute(text(f"SELECT version_num FROM {table}")).scalar()  # noqa: S608 - a constant


def _adopt_old_version(connection: Connection) -> None:
    """Take over the revision that version 0.1.0 wrote, once."""
    old = _revision(connection, _OLD_TABLE)
    if old is not None and _revision(connection, VERSION_TABLE) is None:
        _create(connection, VERSION_TABLE)
        connection.execute(text(f"INSERT INTO {VERSION_TABLE} VALUES (:old)"), {"old": old})  # noqa: S608 - a constant
        connection.commit()


def _write_old_version(connection: Connection) -> None:
    _create(connection, _OLD_TABLE)
    if _revision(connection, _OLD_TABLE) is None:
        connection.execute(text(f"INSERT INTO {_OLD_TABLE} VALUES ('{_LAST_OLD}')"))  # noqa: S608 - constants
    else:
        connection.execute(text(f"UPDATE {_OLD_TABLE} SET version_num = '{_LAST_OLD}'"))  # noqa: S608 - constants


def _create(connection: Connection, table: str) -> None:
    connection.execute(
        text(
            f"CREATE TABLE IF NOT EXISTS {table} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
            " ENGINE=InnoDB"
        )
    )


def _seed_roles(connection: Connection, now: datetime) -> None:
    """Renew the roles that come with Raworc; the version before keeps what it finds."""
    for name, rules in ROLES.items():
        row = insert(Role).values(
            name=name, rules=rules, description=DESCRIPTIONS[name], created_at=now
        )
        given = {"rules": row.inserted.rules, "description": row.inserted.description}
        connection.execute(row.on_duplicate_key_update(given))
    connection.commit()


def main() -> None:
    """Migrate the database that the environment names."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    engine = database_engine(database_from_environment(os.environ), patience=_STATEMENT_SECONDS)
    migrate(engine, datetime.now(UTC))
    engine.dispose()
    logger.info("The database is up to date.")


if __name__ == "__main__":
    main()
