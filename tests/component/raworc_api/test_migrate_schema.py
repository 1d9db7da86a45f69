"""The migrations, on a real MySQL."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData, Table, delete, event, insert, text, update
from sqlmodel import Session, SQLModel, col, select

from raworc_api.accounts.tables import Role
from raworc_api.messages.tables import MessageRecord
from raworc_api.migrate import migrate
from raworc_api.roles.builtin import ROLES
from raworc_api.schema import VERSION_TABLE, metadata

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_migrations_make_the_schema_that_the_code_declares(engine: Engine) -> None:
    assert differences(engine) == []


def differences(engine: Engine) -> list[Any]:
    """Return what the database has otherwise than the code declares it."""
    with engine.connect() as connection:
        options = {"compare_type": True, "version_table": VERSION_TABLE, "include_name": _is_ours}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata()))


def _is_ours(name: str | None, *_: object) -> bool:
    # It is kept for version 0.1.0 alone.
    return name != "alembic_version"


def table(record: type[SQLModel]) -> Table:
    """Return the table, as records would write columns that it does not have yet."""
    found: Table = record.__table__  # type: ignore[attr-defined] # SQLModel's
    return found


def drop_all(engine: Engine) -> None:
    """Leave nothing in the database."""
    with engine.begin() as connection:
        for table in [*reversed(metadata().sorted_tables), "alembic_version", VERSION_TABLE]:
            connection.execute(text(f"DROP TABLE {table}"))


def begin_at(engine: Engine, revision: str) -> None:
    """Make the schema of an older version."""
    drop_all(engine)
    config = Config()
    config.set_main_option("script_location", "apiserver/raworc_api/migrations")
    config.set_main_option("path_separator", "os")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()


def test_two_replicas_migrate_one_after_the_other(engine: Engine) -> None:
    drop_all(engine)
    with ThreadPoolExecutor(2) as replicas:
        done = [replicas.submit(migrate, engine, NOW) for _ in range(2)]
    assert [replica.result() for replica in done] == [None, None]
    with Session(engine) as db:
        assert set(db.exec(select(Role.name))) == set(ROLES)


def test_an_upgrade_renews_the_roles_of_the_product_and_keeps_others(engine: Engine) -> None:
    with engine.begin() as connection:
        own = {"name": "own", "rules": [], "created_at": NOW}
        connection.execute(insert(table(Role)), [own])
        connection.execute(update(Role).where(col(Role.name) == "user").values(rules=[]))
        connection.execute(delete(Role).where(col(Role.name) == "admin"))
    migrate(engine, NOW)
    with Session(engine) as db:
        assert db.get_one(Role, "user").rules == ROLES["user"]
        assert db.get_one(Role, "admin").created_at == NOW
        assert db.get_one(Role, "own").rules == []


def test_tables_speak_utf8_and_tell_upper_from_lower_case(engine: Engine) -> None:
    query = text(
        "SELECT DISTINCT table_collation FROM information_schema.tables"
        " WHERE table_schema = database()"
        " AND table_name NOT IN ('alembic_version', 'schema_version')"
    )
    with engine.connect() as connection:
        assert connection.execute(query).scalars().all() == ["utf8mb4_0900_bin"]


def revisions(engine: Engine) -> tuple[str | None, str | None]:
    """Return what version 0.1.0 reads, and what is true."""
    with engine.connect() as connection:
        return tuple(  # type: ignore[return-value] # one row of each
            connection.execute(text(f"SELECT version_num FROM {table}")).scalar()  # noqa: S608 - constants
            for table in ("alembic_version", VERSION_TABLE)
        )


def set_revision(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        statement = f"UPDATE {VERSION_TABLE} SET version_num = :revision"  # noqa: S608 - a constant
        connection.execute(text(statement), {"revision": revision})


def head(engine: Engine) -> str:
    migrate(engine, NOW)
    return str(revisions(engine)[1])


def test_version_0_1_0_finds_the_last_revision_that_it_knows(engine: Engine) -> None:
    assert head(engine) > "0002"
    assert revisions(engine)[0] == "0002"


def test_a_schema_that_version_0_1_0_made_is_taken_over(engine: Engine) -> None:
    newest = head(engine)
    begin_at(engine, "0002")
    with engine.begin() as connection:
        connection.execute(text(f"RENAME TABLE {VERSION_TABLE} TO alembic_version"))
    migrate(engine, NOW)
    assert revisions(engine) == ("0002", newest)


def test_an_image_runs_on_the_schema_of_a_later_version(engine: Engine) -> None:
    newest = head(engine)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE messages ADD COLUMN later INTEGER NULL"))
    set_revision(engine, "9999")
    try:
        migrate(engine, NOW)
        assert revisions(engine) == ("0002", "9999")
    finally:
        set_revision(engine, newest)
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE messages DROP COLUMN later"))


def test_a_revision_of_something_else_is_refused(engine: Engine) -> None:
    newest = head(engine)
    set_revision(engine, "0000")
    try:
        with pytest.raises(SystemExit, match="'0000'"):
            migrate(engine, NOW)
    finally:
        set_revision(engine, newest)


def test_messages_that_are_there_get_their_size(engine: Engine) -> None:
    begin_at(engine, "0003")
    add_messages(engine, 603)
    migrate(engine, NOW)
    assert sizes(engine) == [2 * seq for seq in range(603)]


def add_messages(engine: Engine, count: int) -> None:
    """Add messages as version 0003 does, each two bytes longer than the one before."""
    rows = [
        {**MESSAGE, "id": f"{seq:04}", "seq": seq, "content": "é" * seq} for seq in range(count)
    ]
    with engine.begin() as connection:
        # As the tables are by then: the models have columns that came later.
        sessions = Table("sessions", MetaData(), autoload_with=connection)
        connection.execute(insert(sessions), [SESSION])
        connection.execute(insert(table(MessageRecord)), rows)


def sizes(engine: Engine) -> list[int | None]:
    """Return the sizes of all messages in their order."""
    with Session(engine) as db:
        return list(db.exec(select(MessageRecord.size).order_by(col(MessageRecord.seq))))


class Interruption(Exception):  # noqa: N818 - nothing of the migration is wrong
    """The process of a migration ends."""


def is_interrupted(engine: Engine, statement: str, at: int = 1) -> bool:
    """Migrate until the ``at``-th such statement was executed; say whether there was one."""
    left = at

    def interrupt(_: object, __: object, executed: str, *___: object) -> None:
        nonlocal left
        if re.match(statement, executed.strip()):
            left -= 1
            if left == 0:
                raise Interruption

    event.listen(engine, "after_cursor_execute", interrupt)
    try:
        migrate(engine, NOW)
    except Interruption:
        return True
    finally:
        event.remove(engine, "after_cursor_execute", interrupt)
    return False


def test_a_migration_goes_on_after_every_change_of_the_schema(engine: Engine) -> None:
    drop_all(engine)
    interruptions = 0
    # Each run makes one change, which MySQL keeps, and does not come to write a revision.
    while is_interrupted(engine, "ALTER|CREATE(?! TABLE IF NOT EXISTS)"):
        interruptions += 1
    assert interruptions > len(metadata().tables)
    assert differences(engine) == []


def test_a_migration_goes_on_filling_sizes(engine: Engine) -> None:
    begin_at(engine, "0003")
    add_messages(engine, 1203)
    assert is_interrupted(engine, "UPDATE messages SET size", at=2)
    migrate(engine, NOW)
    assert sizes(engine) == [2 * seq for seq in range(1203)]


SESSION: dict[str, Any] = {
    "id": "s",
    "space": "team",
    "name": "one",
    "closed": False,
    "spec": {},
    "conditions": [],
    "revision": 0,
    "next_seq": 0,
    "generation": 0,
    "deleting": False,
    "created_by": "ann",
    "created_at": NOW,
    "last_activity_at": NOW,
}
MESSAGE: dict[str, Any] = {
    "session_id": "s",
    "revision": 1,
    "role": "user",
    "status": "queued",
    "attempt": 0,
    "metadata": {},
    "created_by": "ann",
    "created_at": NOW,
}
