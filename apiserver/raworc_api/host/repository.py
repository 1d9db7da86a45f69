"""Questions that only the host's side asks of the database."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, update
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, exists

from raworc_api.messages.schemas import MessageStatus, Role
from raworc_api.messages.tables import MessageRecord
from raworc_api.sessions.tables import SessionRecord


class HostStatus(NamedTuple):
    """How a session stands towards its host."""

    session_id: str
    host_pod_uid: str | None
    deleting: bool
    has_work: bool
    revision: int


class Turn(NamedTuple):
    """A message that is being answered, and by whom."""

    session_id: str
    host_pod_uid: str | None
    status: str
    attempt: int
    cancel_requested: bool
    revision: int


def find_host_status(db: Session, space: str, name: str) -> HostStatus | None:
    """Look at a session without a lock."""
    is_open = col(MessageRecord.status).in_((MessageStatus.QUEUED, MessageStatus.PROCESSING))
    is_asked = exists().where(
        col(MessageRecord.session_id) == col(SessionRecord.id),
        col(MessageRecord.role) == Role.USER,
        is_open,
    )
    has_work = and_(~col(SessionRecord.closed), is_asked)
    row = (
        db.connection()
        .execute(
            select_columns(
                col(SessionRecord.id),
                col(SessionRecord.host_pod_uid),
                col(SessionRecord.deleting),
                has_work,
                col(SessionRecord.revision),
            ).where(col(SessionRecord.space) == space, col(SessionRecord.name) == name)
        )
        .first()
    )
    return None if row is None else HostStatus(*row)


def note_activity(db: Session, session_id: str, now: datetime) -> None:
    """Note, without a lock on anything else, that a session's agent works."""
    row = update(SessionRecord).where(col(SessionRecord.id) == session_id)
    db.exec(row.values(last_activity_at=now))


def find_turn(db: Session, space: str, name: str, message_id: str) -> Turn | None:
    """Look who answers a message of a session."""
    asked = (
        select_columns(
            col(SessionRecord.id),
            col(SessionRecord.host_pod_uid),
            col(MessageRecord.status),
            col(MessageRecord.attempt),
            col(MessageRecord.cancel_requested),
            col(SessionRecord.revision),
        )
        .join(MessageRecord, col(MessageRecord.session_id) == col(SessionRecord.id))
        .where(
            col(SessionRecord.space) == space,
            col(SessionRecord.name) == name,
            col(MessageRecord.id) == message_id,
        )
    )
    row = db.connection().execute(asked).first()
    return None if row is None else Turn(*row)
