"""A real MySQL for component tests: one server a run, one database a module.

``RAWORC_TEST_DATABASE`` (``mysql://root:password@127.0.0.1:3306``) names a server to use;
without it a container is started from ``RAWORC_TEST_MYSQL_IMAGE``.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, create_engine, delete, text
from sqlalchemy.exc import OperationalError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed
from tests.support.authority import Certificate

from raworc_api.accounts.tables import Role
from raworc_api.core.database import database_engine, database_url
from raworc_api.migrate import migrate
from raworc_api.roles.builtin import ROLES
from raworc_api.schema import TABLES
from raworc_api.settings import DatabaseSettings

IMAGE = "raworc-bed/mysql:9"
PASSWORD = "component-tests"
# Nothing here outlives the run, so nothing has to reach a disk.
FAST = (
    "--innodb-flush-log-at-trx-commit=0",
    "--skip-log-bin",
    "--performance-schema=OFF",
    "--skip-name-resolve",
)


@contextmanager
def running_mysql() -> Iterator[DatabaseSettings]:
    """Run a server, or take the one that is named, and return the way into it as its root."""
    given = os.environ.get("RAWORC_TEST_DATABASE")
    if given:
        yield _parse(given)
        return
    with _running_container() as server:
        yield server


@contextmanager
def running_tls_mysql(folder: Path, certificate: Certificate) -> Iterator[DatabaseSettings]:
    """Run a server that shows a certificate, and verifies clients by the folder's ``ca.pem``."""
    (folder / "server.pem").write_text(certificate.chain)
    (folder / "server.key").write_text(certificate.key)
    shown = ("--ssl-cert=/tls/server.pem", "--ssl-key=/tls/server.key", "--ssl-ca=/tls/ca.pem")
    with _running_container(*shown, mounts=(f"{folder}:/tls:ro",)) as server:
        yield server


@contextmanager
def migrated_database(server: DatabaseSettings, name: str) -> Iterator[Engine]:
    """Make a database of the newest schema, and drop it at the end."""
    name = f"raworc_{name}_{os.getpid()}"[:64]
    _run(server, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    engine = database_engine(in_database(server, name), connections=60)
    migrate(engine, datetime.now(UTC))
    yield engine
    engine.dispose()
    _run(server, f"DROP DATABASE {name}")


def empty(engine: Engine) -> None:
    """Empty all tables but for the roles of the start."""
    with engine.begin() as connection:
        for table in reversed(TABLES):
            is_seeded = Role.name.in_(ROLES)  # type: ignore[attr-defined] # a column, to SQLModel
            kept = ~is_seeded if table is Role else text("TRUE")
            connection.execute(delete(table).where(kept))


def in_database(server: DatabaseSettings, name: str) -> DatabaseSettings:
    """Return the way into one database of the server."""
    return DatabaseSettings(server.host, server.port, name, server.user, server.password)


def _parse(url: str) -> DatabaseSettings:
    match = re.fullmatch(r"mysql://([^:]+):([^@]*)@([^:/]+):(\d+)/?", url)
    if match is None:
        raise ValueError("RAWORC_TEST_DATABASE must read mysql://user:password@host:port")
    user, password, host, port = match.groups()
    return DatabaseSettings(host, int(port), "mysql", user, password)


def _settings(port: int) -> DatabaseSettings:
    return DatabaseSettings("127.0.0.1", port, "mysql", "root", PASSWORD)


@contextmanager
def _running_container(*options: str, mounts: Sequence[str] = ()) -> Iterator[DatabaseSettings]:
    container = _start_container(*options, mounts=mounts)
    try:
        server = _settings(_published_port(container))
        _await(server)
        yield server
    finally:
        _docker("rm", "--force", "--volumes", container)


def _start_container(*options: str, mounts: Sequence[str] = ()) -> str:
    image = os.environ.get("RAWORC_TEST_MYSQL_IMAGE", IMAGE)
    flags = ("--detach", "--rm", "--tmpfs", "/var/lib/mysql", "--publish", "127.0.0.1::3306")
    password = f"MYSQL_ROOT_PASSWORD={PASSWORD}"
    mounted = [f"--volume={mount}" for mount in mounts]
    return _docker("run", *flags, "--env", password, *mounted, image, "mysqld", *FAST, *options)


def _published_port(container: str) -> int:
    return int(_docker("port", container, "3306/tcp").splitlines()[0].rpartition(":")[2])


def _docker(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - fixed arguments
        ["docker", *arguments],  # noqa: S607 - the engine that the path finds
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@retry(
    retry=retry_if_exception_type(OperationalError),
    stop=stop_after_delay(60),
    wait=wait_fixed(0.2),
    reraise=True,
)
def _await(server: DatabaseSettings) -> None:
    _run(server, "SELECT 1")


def _run(server: DatabaseSettings, *statements: str) -> None:
    engine = create_engine(database_url(server))
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
