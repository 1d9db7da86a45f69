"""Brings the schema of the database up to date: ``python -m raworc_api.migrate``."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text
from sqlalchemy.dialects.mysql import insert
from sqlalchemy.exc import OperationalError
from tenacity import before_sleep_log, retry, retry_if_exception_type, stop_after_delay, wait_fixed

from raworc_api.accounts.tables import Role
from raworc_api.core.database import database_engine
from raworc_api.settings import database_from_environment

_FOLDER = Path(__file__).parent / "migrations"
_WAIT_SECONDS = 120
# A statement that rewrites a large table may take long.
_STATEMENT_SECONDS = 3600

_OWN = {
    "spaces": ["get", "list"],
    "agents": ["get", "list"],
    "space-builds": ["get", "list"],
    "sessions": ["get", "list", "create", "update", "delete"],
    "messages": ["get", "list", "create"],
}
_ANY = ["*"]
# Rules of the roles that there are from the start; later changes to them are kept.
ROLES = {
    "admin": [
        {"api_groups": _ANY, "resources": _ANY, "verbs": _ANY, "resource_names": _ANY},
    ],
    "user": [
        {"api_groups": _ANY, "resources": [resource], "verbs": verbs, "resource_names": _ANY}
        for resource, verbs in _OWN.items()
    ],
}

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
    command.upgrade(config, "head")
    connection.commit()


def _seed_roles(connection: Connection, now: datetime) -> None:
    for name, rules in ROLES.items():
        row = insert(Role).values(name=name, rules=rules, created_at=now)
        connection.execute(row.on_duplicate_key_update(name=row.inserted.name))
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
