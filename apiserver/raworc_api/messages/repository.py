"""Reads and writes the records of messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, bindparam, func
from sqlmodel import Session, col, select

from raworc_api.messages.schemas import MessageStatus, Role
from raworc_api.messages.tables import MessageRecord

_session_id = col(MessageRecord.session_id)
_seq = col(MessageRecord.seq)
_revision = col(MessageRecord.revision)
_status = col(MessageRecord.status)
_content = col(MessageRecord.content)
# Read only where no size is stored.
_bytes = func.coalesce(col(MessageRecord.size), func.octet_length(_content))

_OPEN = (MessageStatus.QUEUED, MessageStatus.PROCESSING)
_of_session = _session_id == bindparam("session")
# Made once, as every turn asks them.
_ONE = select(MessageRecord).where(_of_session, MessageRecord.id == bindparam("id"))
_OLDEST_OPEN = (
    select(MessageRecord)
    .where(
        _of_session,
        col(MessageRecord.role) == Role.USER,
        _status.in_(_OPEN),
        _seq > bindparam("after"),
    )
    .order_by(_seq)
    .limit(1)
)
_CHANGED_SIZES = (
    select(_revision, _bytes)
    .where(_of_session, _revision > bindparam("after"))
    .order_by(_revision)
    .limit(bindparam("rows"))
)
_CHANGED = (
    select(MessageRecord)
    .where(_of_session, _revision.between(bindparam("first"), bindparam("last")))
    .order_by(_revision)
)
_DONE_SIZES = (
    select(_revision, _bytes.label("size"))
    .where(_of_session, _status.not_in(_OPEN))
    .order_by(_revision.desc())
    .limit(bindparam("rows"))
)
_done_sizes = _DONE_SIZES.subquery()
_DONE_TOTAL = select(func.sum(_done_sizes.c.size), func.min(_done_sizes.c.revision))
# Columns, as two hundred whole records would take longer than all the rest of a turn.
_DONE = (
    select(MessageRecord.role, MessageRecord.content, MessageRecord.agent, MessageRecord.created_at)
    .where(_of_session, _status.not_in(_OPEN), _revision >= bindparam("first"))
    .order_by(_revision)
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages of a session a list shall have; ``None`` means any."""

    session_id: str
    role: str | None = None
    since: datetime | None = None
    after: int | None = None


def find_message(db: Session, session_id: str, message_id: str) -> MessageRecord | None:
    """Find a message of a session."""
    return db.exec(_ONE, params={"session": session_id, "id": message_id}).first()


def find_by_key(db: Session, session_id: str, key: str) -> MessageRecord | None:
    """Find the message that was sent to a session with an idempotency key."""
    wanted = select(MessageRecord).where(
        _session_id == session_id, MessageRecord.idempotency_key == key
    )
    return db.exec(wanted).first()


def add_message(db: Session, message: MessageRecord) -> None:
    """Add a message."""
    message.size = len(message.content.encode())
    db.add(message)


def oldest_open(db: Session, session_id: str, after: int = 0) -> MessageRecord | None:
    """Find the first message of the user after a place that is not done with."""
    return db.exec(_OLDEST_OPEN, params={"session": session_id, "after": after}).first()


def list_messages(
    db: Session, wanted: Wanted, rows: int, bytes_: int
) -> tuple[list[MessageRecord], bool]:
    """List messages, oldest first, and say whether there are more.

    There are at most so many rows, and bytes, unless the first row alone has more.
    """
    where = _conditions(wanted)
    sizes = db.exec(select(_seq, _bytes).where(*where).order_by(_seq).limit(rows + 1)).all()
    if not sizes:
        return [], False
    last = _within(sizes[:rows], bytes_)
    found = db.exec(select(MessageRecord).where(*where, _seq <= last).order_by(_seq)).all()
    return list(found), last < sizes[-1][0]


def count_messages(db: Session, wanted: Wanted) -> int:
    """Count messages."""
    return db.exec(
        select(func.count()).select_from(MessageRecord).where(*_conditions(wanted))
    ).one()


def list_changed(
    db: Session, session_id: str, after: int, rows: int, bytes_: int
) -> tuple[list[MessageRecord], bool]:
    """List what changed after a revision, in the order of the changes; bounded as above."""
    asked = {"session": session_id, "after": after, "rows": rows + 1}
    sizes = db.exec(_CHANGED_SIZES, params=asked).all()
    if not sizes:
        return [], False
    last = _within(sizes[:rows], bytes_)
    range_ = {"session": session_id, "first": sizes[0][0], "last": last}
    return list(db.exec(_CHANGED, params=range_).all()), last < sizes[-1][0]


class Said(NamedTuple):
    """What somebody said, for who comes next."""

    role: str
    content: str
    agent: str | None
    created_at: datetime


def list_history(db: Session, session_id: str, rows: int, bytes_: int) -> list[Said]:
    """List the newest messages that are done with, oldest first.

    A message and its answer are done with at once, and never change after: so the order of
    their revisions is that of the conversation, even where later questions were asked earlier.
    """
    first = _oldest_within(db, session_id, rows, bytes_)
    return [Said(*row) for row in db.exec(_DONE, params={"session": session_id, "first": first})]


def _oldest_within(db: Session, session_id: str, rows: int, bytes_: int) -> int:
    """Return the revision from which on the newest rows are neither too many nor too large.

    Where the newest row alone is too large, no row is from that revision on: a host has bounded
    memory, and would be killed by its session's next message for ever.
    """
    asked = {"session": session_id, "rows": rows}
    total, oldest = db.exec(_DONE_TOTAL, params=asked).one()
    if total is None or total <= bytes_:
        return int(oldest or 0)
    sizes = db.exec(_DONE_SIZES, params=asked).all()
    newest, size = sizes[0]
    return newest + 1 if size > bytes_ else _within(sizes, bytes_)


def _within(sizes: Sequence[tuple[int, int]], bytes_: int) -> int:
    """Return the number of the last row that still fits; the first one always does."""
    last, left = sizes[0][0], bytes_
    for number, size in sizes:
        left -= size
        if left < 0:
            break
        last = number
    return last


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions = [_session_id == wanted.session_id]
    if wanted.role is not None:
        conditions.append(col(MessageRecord.role) == wanted.role)
    if wanted.since is not None:
        conditions.append(col(MessageRecord.created_at) >= wanted.since)
    if wanted.after is not None:
        conditions.append(_seq > wanted.after)
    return conditions
