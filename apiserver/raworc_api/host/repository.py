"""Questions that only the host's side asks of the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, or_, update
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
    host_silent: bool


def find_host_status(db: Session, space: str, name: str) -> HostStatus | None:
    """Look at a session without a lock."""
    is_open = col(MessageRecord.status).in_((MessageStatus.QUEUED, MessageStatus.PROCESSING))
    is_asked = exists().where(
        col(MessageRecord.session_id) == col(SessionRecord.id),
        col(MessageRecord.role) == Role.USER,
        is_open,
    )
    # A host that was taken for silent has to be noted again.
    has_work = or_(and_(~col(SessionRecord.closed), is_asked), col(SessionRecord.host_silent))
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


def note_activity(db: Session, session_id: str, now: datetime, lease_until: datetime) -> None:
    """Note, without a lock on anything else, that a session's agent works."""
    row = update(SessionRecord).where(col(SessionRecord.id) == session_id)
    db.exec(row.values(last_activity_at=now, host_lease_until=lease_until))


def renew_leases(
    db: Session, session_ids: Sequence[str], pod_uids: Sequence[str], until: datetime
) -> None:
    """Renew the leases of sessions whose host is one of these pods, but for rows that are locked.

    A silent host has no lease: it is noted as what it is at by its next request.
    """
    held = (
        select_columns(col(SessionRecord.id))
        .where(
            col(SessionRecord.id).in_(session_ids),
            col(SessionRecord.host_pod_uid).in_(pod_uids),
            ~col(SessionRecord.host_silent),
        )
        .with_for_update(skip_locked=True)
    )
    found = db.connection().execute(held).scalars().all()
    if found:
        rows = update(SessionRecord).where(col(SessionRecord.id).in_(found))
        db.connection().execute(rows.values(host_lease_until=until))


def list_ended_leases(db: Session, now: datetime, limit: int) -> list[str]:
    """List sessions whose host has been silent for its whole lease."""
    rows = (
        select_columns(col(SessionRecord.id))
        .where(col(SessionRecord.host_lease_until) < now, ~col(SessionRecord.deleting))
        .limit(limit)
    )
    return list(db.connection().execute(rows).scalars())


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
            col(SessionRecord.host_silent),
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
