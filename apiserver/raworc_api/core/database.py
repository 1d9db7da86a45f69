"""The way to MySQL: its engine, its sessions, and the column types that every table shares."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, URL, Engine, create_engine, exc, text
from sqlalchemy.dialects.mysql import DATETIME, LONGTEXT
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.orm import sessionmaker
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session

from raworc_api.settings import DatabaseSettings, DatabaseTls

# Threads that use the database, by what they are for; each has at most one connection. Five
# replicas (four, and one more while they are replaced) and five migrations stay below MySQL's
# default limit of 151 connections.
REQUEST_THREADS = 10
LOGIN_THREADS = 2
HOST_THREADS = 8
MIRROR_THREADS = 6
LOOK_THREADS = 1
# Load balancers drop connections that were silent for about six minutes.
_RECYCLE_SECONDS = 300
_CONNECT_SECONDS = 3
_READ_SECONDS = 30
# A row is locked for milliseconds; who waits longer than this has met a fault, not a queue.
_LOCK_SECONDS = 5

# Names, ids and principals are compared as they are written: 'Ann' is not 'ann'.
TABLE = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_0900_bin",
}

Json = JSON(none_as_null=True)
LongText = LONGTEXT(collation="utf8mb4_0900_bin")

# What the database raises when it cannot do now what it may do later: it is away, or too busy.
UNAVAILABLE: tuple[type[Exception], ...] = (
    exc.OperationalError,
    exc.InterfaceError,
    exc.TimeoutError,
)

# What is open between a service's first look and its commit; only repositories look inside.
Transaction = Session
Database = Callable[[], Session]


class UtcDateTime(TypeDecorator[datetime]):
    """A moment with microseconds; stored without a zone, always meant in UTC."""

    impl = DATETIME(fsp=6)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn any zone into UTC; a moment without a zone could mean anything."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A time must have a time zone.")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say that what is stored is UTC."""
        del dialect
        return None if value is None else value.replace(tzinfo=UTC)


def database_url(settings: DatabaseSettings) -> URL:
    """Name the database for SQLAlchemy."""
    return URL.create(
        "mysql+mysqldb",
        username=settings.user,
        password=settings.password,
        host=settings.host,
        port=settings.port,
        database=settings.name,
        query={"charset": "utf8mb4"},
    )


@dataclass(frozen=True, slots=True)
class Databases:
    """The ways to the one database: each kind of work has connections of its own."""

    requests: Database
    hosts: Database
    mirror: Database
    looks: Database


@contextmanager
def connected(settings: DatabaseSettings) -> Iterator[Databases]:
    """Open the ways to the database; nothing connects before it is used."""
    sizes = (REQUEST_THREADS + LOGIN_THREADS, HOST_THREADS, MIRROR_THREADS, LOOK_THREADS)
    engines = [database_engine(settings, size) for size in sizes]
    try:
        yield Databases(*map(open_database, engines))
    finally:
        for engine in engines:
            engine.dispose()


def database_engine(
    settings: DatabaseSettings, connections: int = 1, patience: int = _READ_SECONDS
) -> Engine:
    """Make an engine, which waits ``patience`` s for answers; it connects when it is first used."""
    return create_engine(
        database_url(settings),
        # Whoever holds a row lock sees what was committed before it got the lock.
        isolation_level="READ COMMITTED",
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_LOCK_SECONDS,
        pool_recycle=_RECYCLE_SECONDS,
        # One round trip of about 0.1 ms, so that no request fails after MySQL was restarted.
        pool_pre_ping=True,
        pool_use_lifo=True,
        # Whoever takes a connection ends its transaction; the pool need not do that again.
        pool_reset_on_return=None,
        # An error goes to the log, and what people say to agents does not belong there.
        hide_parameters=True,
        connect_args=_connect_arguments(settings.tls, patience),
    )


def open_database(engine: Engine) -> Database:
    """Make the factory of sessions; what they loaded stays readable after a commit."""
    return sessionmaker(engine, class_=Session, expire_on_commit=False)


def check_database(database: Database) -> None:
    """Ask the database for an answer; raise what ``UNAVAILABLE`` names if there is none."""
    with database() as db:
        db.connection().execute(text("SELECT 1"))


def add_unique(db: Transaction, record: object) -> bool:
    """Add a record; if its name or key is taken, undo the transaction and say so."""
    db.add(record)
    try:
        db.flush()
    except exc.IntegrityError:
        db.rollback()
        return False
    return True


def _connect_arguments(tls: DatabaseTls | None, patience: int) -> dict[str, Any]:
    return _tls_arguments(tls) | {
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": patience,
        "write_timeout": patience,
        "init_command": f"SET SESSION innodb_lock_wait_timeout = {_LOCK_SECONDS}",
    }


def _tls_arguments(tls: DatabaseTls | None) -> dict[str, Any]:
    if tls is None:
        return {}
    files = {
        "ca": tls.authorities,
        "cert": tls.client_dir and tls.client_dir / "tls.crt",
        "key": tls.client_dir and tls.client_dir / "tls.key",
    }
    # Anything less goes on without TLS where the server offers none.
    return {
        "ssl_mode": "VERIFY_IDENTITY",
        "ssl": {name: str(file) for name, file in files.items() if file},
    }
