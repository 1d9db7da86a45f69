"""The outbox: asking, with the change of a record, that its custom resource follows."""

from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import (
    CursorResult,
    Float,
    Select,
    bindparam,
    delete,
    func,
    literal,
    text,
    update,
)
from sqlalchemy.dialects.mysql import insert
from sqlmodel import Session, col, select

from raworc_api.mirror.tables import OutboxRow

# The topic of the bus by which a request is announced, once its transaction is committed.
TOPIC = "outbox"

# The custom resource shows idle and busy once a second at most, not with every message.
REPORT_SECONDS = 1.0


def _in_seconds(delay: Any) -> Any:  # noqa: ANN401 - SQL expressions of no common type
    """Reckon by the database's clock, the only one that all replicas share."""
    microseconds = delay * 1_000_000
    return func.timestampadd(text("MICROSECOND"), microseconds, func.utc_timestamp(6))


# Made once, as every turn asks it twice.
_ROW = insert(OutboxRow).values(
    kind=bindparam("kind"),
    space=bindparam("space"),
    name=bindparam("name"),
    ticket=bindparam("ticket"),
    attempts=0,
    available_at=_in_seconds(bindparam("delay", type_=Float)),
    is_report=bindparam("is_report"),
)
_REQUEST = _ROW.on_duplicate_key_update(
    ticket=_ROW.inserted.ticket,
    attempts=0,
    available_at=func.least(OutboxRow.available_at, _ROW.inserted.available_at),
    is_report=func.least(OutboxRow.is_report, _ROW.inserted.is_report),
)


class RecordKey(NamedTuple):
    """Which record is meant; the ``space`` of a Space is its own name."""

    kind: str
    space: str
    name: str

    def __str__(self) -> str:
        """Name the record as a person would."""
        return f"{self.kind} '{self.space}/{self.name}'"


def request(db: Session, kind: str, space: str, name: str, delay: float = 0) -> None:
    """Ask for the custom resource of one record to be applied, ``delay`` seconds from now.

    Lock the record before: everyone takes the record first and its outbox row second.
    Of two requests for one object one row is left, with the earlier time.
    """
    _request(db, RecordKey(kind, space, name), delay=delay, is_report=False)


def report(db: Session, kind: str, space: str, name: str) -> None:
    """Ask for what the host is doing to be shown in the cluster, soon.

    By then it may be doing what it did before, and nothing is written: a turn that is over within
    a second costs the cluster nothing.
    """
    _request(db, RecordKey(kind, space, name), delay=REPORT_SECONDS, is_report=True)


def request_each(db: Session, kind: str, records: Select[str, str]) -> None:
    """Ask for the custom resource of each record that a query of (space, name) finds.

    One statement serves ten thousand sessions.
    """
    rows = records.add_columns(
        literal(kind), func.uuid(), literal(0), func.utc_timestamp(6), literal(0)
    )
    columns = ["space", "name", "kind", "ticket", "attempts", "available_at", "is_report"]
    statement = insert(OutboxRow).from_select(columns, rows)
    update_rows = statement.on_duplicate_key_update(
        ticket=statement.inserted.ticket,
        attempts=0,
        available_at=statement.inserted.available_at,
        is_report=0,
    )
    db.connection().execute(update_rows)


def due(db: Session, limit: int, *, are_reports: bool) -> list[RecordKey]:
    """Return the records whose rows' time has come: of each space in turn the longest waiting."""
    place = func.row_number().over(
        partition_by=col(OutboxRow.space), order_by=col(OutboxRow.available_at)
    )
    rows = (
        select(OutboxRow.kind, OutboxRow.space, OutboxRow.name, place.label("place"))
        .where(
            col(OutboxRow.available_at) <= func.utc_timestamp(6),
            col(OutboxRow.is_report) == are_reports,
        )
        .subquery()
    )
    query = select(rows.c.kind, rows.c.space, rows.c.name).order_by(rows.c.place).limit(limit)
    return [RecordKey(*row) for row in db.connection().execute(query)]


def newest(db: Session, limit: int) -> list[RecordKey]:
    """Return the records whose wishes were asked for last, however many have waited for longer."""
    rows = (
        select(OutboxRow.kind, OutboxRow.space, OutboxRow.name)
        .where(col(OutboxRow.available_at) <= func.utc_timestamp(6), ~col(OutboxRow.is_report))
        .order_by(col(OutboxRow.available_at).desc())
        .limit(limit)
    )
    return [RecordKey(*row) for row in db.connection().execute(rows)]


def seconds_to_next(db: Session) -> float | None:
    """Return how long until the time of the next row comes that is not due yet."""
    is_later = col(OutboxRow.available_at) > func.utc_timestamp(6)
    first = func.min(OutboxRow.available_at)
    wait = func.timestampdiff(text("MICROSECOND"), func.utc_timestamp(6), first)
    query = select(wait).where(is_later)
    microseconds: int | None = db.connection().execute(query).scalar_one()
    return None if microseconds is None else max(microseconds / 1_000_000, 0)


def pending(db: Session, key: RecordKey) -> OutboxRow | None:
    """Return the row that waits for an object, if one does."""
    return db.exec(select(OutboxRow).where(*_is(key))).first()


def finish(db: Session, row: OutboxRow) -> bool:
    """Remove a row as it was read; ``False`` if the record was changed again in between."""
    return _rows(db, delete(OutboxRow).where(*_is(key_of(row)), *_unchanged(row))) == 1


def postpone(db: Session, row: OutboxRow, seconds: float) -> None:
    """Try a row again later, unless it was asked for anew."""
    later = {"attempts": row.attempts + 1, "available_at": _in_seconds(seconds)}
    _rows(db, update(OutboxRow).where(*_is(key_of(row)), *_unchanged(row)).values(later))


def look_again(db: Session, row: OutboxRow, seconds: float) -> None:
    """Keep a row that was done, to see later whether that had the end that it should have."""
    later = {"available_at": _in_seconds(seconds)}
    _rows(db, update(OutboxRow).where(*_is(key_of(row)), *_unchanged(row)).values(later))


def drop(db: Session, key: RecordKey) -> None:
    """Remove the row of an object that no longer exists."""
    _rows(db, delete(OutboxRow).where(*_is(key)))


def hurry(db: Session, kind: str, space: str) -> bool:
    """Try now whatever of a space failed before, as its circumstances changed."""
    failed = (
        col(OutboxRow.kind) == kind,
        col(OutboxRow.space) == space,
        col(OutboxRow.attempts) > 0,
    )
    now = {"available_at": func.utc_timestamp(6)}
    return _rows(db, update(OutboxRow).where(*failed).values(now)) > 0


def _request(db: Session, key: RecordKey, *, delay: float, is_report: bool) -> None:
    ticket = str(uuid4())
    values = {**key._asdict(), "ticket": ticket, "delay": delay, "is_report": is_report}
    db.connection().execute(_REQUEST, values)


def key_of(row: OutboxRow) -> RecordKey:
    """Return which record a row is about."""
    return RecordKey(row.kind, row.space, row.name)


def _is(key: RecordKey) -> tuple[Any, ...]:
    return (
        col(OutboxRow.kind) == key.kind,
        col(OutboxRow.space) == key.space,
        col(OutboxRow.name) == key.name,
    )


def _unchanged(row: OutboxRow) -> tuple[Any, ...]:
    return (col(OutboxRow.ticket) == row.ticket,)


def _rows(db: Session, statement: Any) -> int:  # noqa: ANN401 - any statement that writes
    result: CursorResult[Any] = db.connection().execute(statement)
    return result.rowcount
