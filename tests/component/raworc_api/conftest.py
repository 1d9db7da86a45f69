"""A real MySQL for the component tests of the API: one server a run, one database a module.

``RAWORC_TEST_DATABASE`` (``mysql://root:password@127.0.0.1:3306``) names a server to use;
without it a container is started from ``RAWORC_TEST_MYSQL_IMAGE``.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, create_engine, delete, text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed
from tests.component.raworc_api.api_bed import ApiBed, Replica, running_replicas
from tests.component.raworc_api.memory_cluster import MemoryCluster

from raworc_api.accounts.tables import Role
from raworc_api.core.database import Database, database_engine, database_url, open_database
from raworc_api.migrate import ROLES, migrate
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


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[DatabaseSettings]:
    """Return the way into a MySQL server, as its root."""
    given = os.environ.get("RAWORC_TEST_DATABASE")
    if given:
        yield _parse(given)
        return
    container = _start_container()
    try:
        server = _settings(_published_port(container))
        _await(server)
        yield server
    finally:
        _docker("rm", "--force", "--volumes", container)


@pytest.fixture(scope="module")
def migrated(mysql_server: DatabaseSettings, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Return the engine of a migrated database that belongs to the test module."""
    module = re.sub(r"\W", "_", request.module.__name__.rpartition(".")[2])
    name = f"raworc_{module}_{os.getpid()}"[:64]
    _run(mysql_server, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    engine = database_engine(in_database(mysql_server, name))
    migrate(engine, datetime.now(UTC))
    yield engine
    engine.dispose()
    _run(mysql_server, f"DROP DATABASE {name}")


@pytest.fixture
def engine(migrated: Engine) -> Iterator[Engine]:
    """Return the module's engine, with empty tables but for the roles of the start."""
    yield migrated
    with migrated.begin() as connection:
        for table in reversed(TABLES):
            is_seeded = Role.name.in_(ROLES)  # type: ignore[attr-defined] # a column, to SQLModel
            kept = ~is_seeded if table is Role else text("TRUE")
            connection.execute(delete(table).where(kept))


@pytest.fixture
def database(engine: Engine) -> Database:
    """Return the factory of database sessions."""
    return open_database(engine)


@pytest.fixture
def db(database: Database) -> Iterator[Session]:
    """Return one database session, which is closed after the test."""
    with database() as session:
        yield session


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


def _start_container() -> str:
    image = os.environ.get("RAWORC_TEST_MYSQL_IMAGE", IMAGE)
    flags = ("--detach", "--rm", "--tmpfs", "/var/lib/mysql", "--publish", "127.0.0.1::3306")
    password = f"MYSQL_ROOT_PASSWORD={PASSWORD}"
    return _docker("run", *flags, "--env", password, image, "mysqld", *FAST)


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


@pytest.fixture(scope="module")
def api_cluster() -> MemoryCluster:
    """Return the cluster of the module's replicas."""
    return MemoryCluster()


@pytest.fixture(scope="module")
def replicas(migrated: Engine, api_cluster: MemoryCluster) -> Iterator[list[Replica]]:
    """Run two replicas of the server for the test module."""
    with running_replicas(migrated, api_cluster, 2) as running:
        yield running


@pytest.fixture
def bed(
    replicas: list[Replica], database: Database, api_cluster: MemoryCluster
) -> Iterator[ApiBed]:
    """Return the replicas with an administrator, the users Ann and Bob, and a space."""
    bed = ApiBed(replicas, database, api_cluster)
    bed.account("admin", "admin")
    bed.account("ann")
    bed.account("bob")
    bed.space()
    yield bed
    bed.close()
    api_cluster.tokens.clear()
    api_cluster.pods.clear()
