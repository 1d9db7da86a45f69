"""The neighbours that component tests of several packages need."""

import re
from collections.abc import Iterator
from itertools import count

import pytest
from sqlalchemy import Engine
from sqlmodel import Session
from tests.support.kubernetes import KubeApi, running_kube_api
from tests.support.mysql import empty, migrated_database, running_mysql

from raworc_api.core.database import Database, open_database
from raworc_api.settings import DatabaseSettings

_numbers = count(1)


@pytest.fixture(scope="session")
def kube_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeApi]:
    """Return a real kube-apiserver with our definitions, seen by its administrator."""
    with running_kube_api(tmp_path_factory.mktemp("kubernetes")) as api:
        yield api


@pytest.fixture
def namespace(kube_api: KubeApi) -> str:
    """Return a namespace of the test's own; it stays, as nothing here would empty it."""
    name = f"test-{next(_numbers)}"
    kube_api.make_namespace(name)
    return name


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[DatabaseSettings]:
    """Return the way into a MySQL server, as its root."""
    with running_mysql() as server:
        yield server


@pytest.fixture(scope="module")
def migrated(mysql_server: DatabaseSettings, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Return the engine of a migrated database that belongs to the test module."""
    module = re.sub(r"\W", "_", request.module.__name__.rpartition(".")[2])
    with migrated_database(mysql_server, module) as engine:
        yield engine


@pytest.fixture
def engine(migrated: Engine) -> Iterator[Engine]:
    """Return the module's engine, with empty tables but for the roles of the start."""
    yield migrated
    empty(migrated)


@pytest.fixture
def database(engine: Engine) -> Database:
    """Return the factory of database sessions."""
    return open_database(engine)


@pytest.fixture
def db(database: Database) -> Iterator[Session]:
    """Return one database session, which is closed after the test."""
    with database() as session:
        yield session
