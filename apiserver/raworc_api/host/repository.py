"""Questions that only the host's side asks of the database."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, update
from sqlmodel import Session, col, exists, select

from raworc_api.messages.schemas import MessageStatus, Role
from raworc_api.messages.tables import MessageRecord
from raworc_api.sessions.tables import SessionRecord


class HostStatus(NamedTuple):
    """How a session stands towards its host."""

    session_id: str
    host_pod_uid: str | None
    deleting: bool
    has_work: bool


class Turn(NamedTuple):
    """A message that is being answered, and by whom."""

    session_id: str
    host_pod_uid: str | None
    status: str
    attempt: int


def find_host_status(db: Session, space: str, name: str) -> HostStatus | None:
    """Look at a session without a lock, as hosts ask it all the time."""
    is_open = col(MessageRecord.status).in_((MessageStatus.QUEUED, MessageStatus.PROCESSING))
    is_asked = exists().where(
        col(MessageRecord.session_id) == col(SessionRecord.id),
        col(MessageRecord.role) == Role.USER,
        is_open,
    )
    has_work = and_(~col(SessionRecord.closed), is_asked)
    row = db.exec(
        select(
            SessionRecord.id, SessionRecord.host_pod_uid, SessionRecord.deleting, has_work
        ).where(SessionRecord.space == space, SessionRecord.name == name)
    ).first()
    return None if row is None else HostStatus(*row)


def note_activity(db: Session, session_id: str, now: datetime) -> None:
    """Note, without a lock on anything else, that a session's agent works."""
    row = update(SessionRecord).where(col(SessionRecord.id) == session_id)
    db.exec(row.values(last_activity_at=now))


def is_cancel_requested(db: Session, message_id: str) -> bool:
    """Look whether the answer to a message is no longer wanted."""
    asked = select(MessageRecord.cancel_requested).where(MessageRecord.id == message_id)
    return bool(db.exec(asked).first())


def find_turn(db: Session, space: str, name: str, message_id: str) -> Turn | None:
    """Look who answers a message of a session."""
    row = db.exec(
        select(
            SessionRecord.id,
            SessionRecord.host_pod_uid,
            MessageRecord.status,
            MessageRecord.attempt,
        )
        .join(MessageRecord, col(MessageRecord.session_id) == col(SessionRecord.id))
        .where(
            SessionRecord.space == space,
            SessionRecord.name == name,
            MessageRecord.id == message_id,
        )
    ).first()
    return None if row is None else Turn(*row)
