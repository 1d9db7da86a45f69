"""The migrations, on a real MySQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, delete, text, update
from sqlmodel import Session, col, select

from raworc_api.accounts.tables import Role
from raworc_api.migrate import migrate
from raworc_api.schema import metadata

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_migrations_make_the_schema_that_the_code_declares(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata()) == []


def test_two_replicas_migrate_one_after_the_other(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in [*reversed(metadata().sorted_tables), "alembic_version"]:
            connection.execute(text(f"DROP TABLE {table}"))
    with ThreadPoolExecutor(2) as replicas:
        done = [replicas.submit(migrate, engine, NOW) for _ in range(2)]
    assert [replica.result() for replica in done] == [None, None]
    with Session(engine) as db:
        assert set(db.exec(select(Role.name))) == {"admin", "user"}


def test_a_changed_role_is_kept_and_a_missing_one_comes_back(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(update(Role).where(col(Role.name) == "user").values(rules=[]))
        connection.execute(delete(Role).where(col(Role.name) == "admin"))
    migrate(engine, NOW)
    with Session(engine) as db:
        assert db.get_one(Role, "user").rules == []
        assert db.get_one(Role, "admin").created_at == NOW


def test_tables_speak_utf8_and_tell_upper_from_lower_case(engine: Engine) -> None:
    query = text(
        "SELECT DISTINCT table_collation FROM information_schema.tables"
        " WHERE table_schema = database() AND table_name != 'alembic_version'"
    )
    with engine.connect() as connection:
        assert connection.execute(query).scalars().all() == ["utf8mb4_0900_bin"]
