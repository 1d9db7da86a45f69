"""The outbox: asking, with the change of a record, that its custom resource follows."""

from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import CursorResult, Float, bindparam, delete, func, text, update
from sqlalchemy.dialects.mysql import insert
from sqlmodel import Session, col, select

from raworc_api.mirror.tables import OutboxRow

# The topic of the bus by which a request is announced, once its transaction is committed.
TOPIC = "outbox"

_BATCH = 50


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
)
_REQUEST = _ROW.on_duplicate_key_update(
    ticket=_ROW.inserted.ticket,
    attempts=0,
    available_at=func.least(OutboxRow.available_at, _ROW.inserted.available_at),
)


class RecordKey(NamedTuple):
    """Which record is meant; the ``space`` of a Space is its own name."""

    kind: str
    space: str
    name: str


def request(db: Session, kind: str, space: str, name: str, delay: float = 0) -> None:
    """Ask for the custom resource of one record to be applied, ``delay`` seconds from now.

    Lock the record before: everyone takes the record first and its outbox row second.
    Of two requests for one object one row is left, with the earlier time.
    """
    place = {"kind": kind, "space": space, "name": name}
    db.connection().execute(_REQUEST, {**place, "ticket": str(uuid4()), "delay": delay})


def due(db: Session) -> list[OutboxRow]:
    """Return rows whose time has come, the longest waiting first."""
    query = (
        select(OutboxRow)
        .where(col(OutboxRow.available_at) <= func.utc_timestamp(6))
        .order_by(col(OutboxRow.available_at))
        .limit(_BATCH)
    )
    return list(db.exec(query))


def seconds_to_next(db: Session) -> float | None:
    """Return how long until the next row's time comes."""
    first = func.min(OutboxRow.available_at)
    wait = func.timestampdiff(text("MICROSECOND"), func.utc_timestamp(6), first)
    microseconds: int | None = db.connection().execute(select(wait)).scalar_one()
    return None if microseconds is None else max(microseconds / 1_000_000, 0)


def pending(db: Session, place: RecordKey) -> OutboxRow | None:
    """Return the row that waits for an object, if one does."""
    return db.exec(select(OutboxRow).where(*_is(place))).first()


def finish(db: Session, row: OutboxRow) -> bool:
    """Remove a row as it was read; ``False`` if the record was changed again in between."""
    return _rows(db, delete(OutboxRow).where(*_is(key_of(row)), *_unchanged(row))) == 1


def postpone(db: Session, row: OutboxRow, seconds: float) -> None:
    """Try a row again later, unless it was asked for anew."""
    later = {"attempts": row.attempts + 1, "available_at": _in_seconds(seconds)}
    _rows(db, update(OutboxRow).where(*_is(key_of(row)), *_unchanged(row)).values(later))


def drop(db: Session, place: RecordKey) -> None:
    """Remove the row of an object that is no more."""
    _rows(db, delete(OutboxRow).where(*_is(place)))


def hurry(db: Session, kind: str, space: str) -> bool:
    """Try now whatever of a space failed before, as its circumstances changed."""
    failed = (
        col(OutboxRow.kind) == kind,
        col(OutboxRow.space) == space,
        col(OutboxRow.attempts) > 0,
    )
    now = {"available_at": func.utc_timestamp(6)}
    return _rows(db, update(OutboxRow).where(*failed).values(now)) > 0


def key_of(row: OutboxRow) -> RecordKey:
    """Return which record a row is about."""
    return RecordKey(row.kind, row.space, row.name)


def _is(place: RecordKey) -> tuple[Any, ...]:
    return (
        col(OutboxRow.kind) == place.kind,
        col(OutboxRow.space) == place.space,
        col(OutboxRow.name) == place.name,
    )


def _unchanged(row: OutboxRow) -> tuple[Any, ...]:
    return (col(OutboxRow.ticket) == row.ticket,)


def _rows(db: Session, statement: Any) -> int:  # noqa: ANN401 - any statement that writes
    result: CursorResult[Any] = db.connection().execute(statement)
    return result.rowcount
