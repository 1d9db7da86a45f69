"""Sending messages to a session, and reading them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from raworc_api.core.database import Database, Transaction
from raworc_api.core.idempotency import check_repeated, fingerprint
from raworc_api.core.pages import Page
from raworc_api.core.permissions import Caller
from raworc_api.core.problems import ConflictProblem, NotFoundProblem, TooLargeProblem, invalid
from raworc_api.core.wake import Bus, session_topic
from raworc_api.messages import repository
from raworc_api.messages.repository import Wanted
from raworc_api.messages.schemas import (
    MAX_CONTENT,
    MessageBody,
    MessageErrorView,
    MessageFilter,
    MessageQuery,
    MessageStatus,
    MessageView,
    Role,
)
from raworc_api.messages.tables import MessageRecord
from raworc_api.mirror import outbox
from raworc_api.sessions.service import wish_closed
from raworc_api.sessions.tables import SessionRecord
from raworc_api.sessions.visibility import visible_session

_PAGE_BYTES = 8 * 1024 * 1024
_MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class MessageService:
    """What callers may do with the messages of a session."""

    database: Database
    bus: Bus

    def send(
        self, caller: Caller, session_id: str, body: MessageBody, key: str | None
    ) -> MessageView:
        """Queue a message for its answer; a closed session opens for it."""
        if len(body.content.encode()) > MAX_CONTENT:
            raise TooLargeProblem(f"`content` must be at most {MAX_CONTENT} bytes.")
        mark = fingerprint(caller.name, body)
        with self.database() as db:
            permission = ("messages", "create")
            session = visible_session(db, caller, session_id, permission, lock=True)
            if known := _sent_before(db, session, key, mark):
                return message_view(known)
            message = _queue(session, caller, body)
            message.idempotency_key, message.fingerprint = key, mark if key else None
            repository.add_message(db, message)
            is_opened = wish_closed(db, session, closed=False)
            db.commit()
        # Its sender knows; and the host, which is woken by any hint, takes it at once.
        self.bus.publish(session_topic(session.id), can_wait=True)
        if is_opened:
            self.bus.publish(outbox.TOPIC)
        return message_view(message)

    def list(self, caller: Caller, session_id: str, asked: MessageQuery) -> Page[MessageView]:
        """List messages, oldest first."""
        with self.database() as db:
            session = visible_session(db, caller, session_id, ("messages", "list"))
            after = _read_after(db, session.id, asked.after)
            wanted = Wanted(session.id, asked.role, asked.since, after)
            rows, is_more = repository.list_messages(db, wanted, asked.limit, _PAGE_BYTES)
        return Page([message_view(row) for row in rows], rows[-1].id if is_more else None)

    def get(self, caller: Caller, session_id: str, message_id: str) -> MessageView:
        """Show one message."""
        with self.database() as db:
            session = visible_session(db, caller, session_id, ("messages", "get"))
            message = repository.find_message(db, session.id, message_id)
        if message is None:
            raise NotFoundProblem(f"The session has no message '{message_id}'.")
        return message_view(message)

    def cancel(self, caller: Caller, session_id: str, message_id: str) -> MessageView:
        """Cancel a message, or ask the host that answers it to; a repeated wish has no effect."""
        with self.database() as db:
            permission = ("messages", "create")
            session = visible_session(db, caller, session_id, permission, lock=True)
            message = repository.find_message(db, session.id, message_id)
            if message is None:
                raise NotFoundProblem(f"The session has no message '{message_id}'.")
            _cancel(session, message)
            db.commit()
        self.bus.publish(session_topic(session.id))
        return message_view(message)

    def count(self, caller: Caller, session_id: str, asked: MessageFilter) -> int:
        """Count messages."""
        with self.database() as db:
            session = visible_session(db, caller, session_id, ("messages", "list"))
            wanted = Wanted(session.id, asked.role, asked.since)
            return repository.count_messages(db, wanted)


def message_view(message: MessageRecord) -> MessageView:
    """Show a message's record to a caller."""
    error = None if message.error is None else MessageErrorView.model_validate(message.error)
    return MessageView(
        id=message.id,
        session_id=message.session_id,
        seq=message.seq,
        role=Role(message.role),
        content=message.content,
        metadata=message.metadata_,
        created_at=message.created_at,
        status=MessageStatus(message.status),
        reply_to=message.reply_to,
        agent=message.agent,
        error=error,
    )


def _queue(session: SessionRecord, caller: Caller, body: MessageBody) -> MessageRecord:
    now = datetime.now(UTC)
    session.revision += 1
    session.last_activity_at = now
    message = MessageRecord(
        id=str(uuid4()),
        session_id=session.id,
        seq=session.next_seq,
        revision=session.revision,
        role=Role.USER,
        content=body.content,
        metadata_=body.metadata,
        status=MessageStatus.QUEUED,
        agent=body.agent,
        created_by=caller.name,
        created_at=now,
    )
    session.next_seq += 1
    return message


def _cancel(session: SessionRecord, message: MessageRecord) -> None:
    match message.status:
        case MessageStatus.CANCELLED:
            return
        case MessageStatus.QUEUED:
            session.revision += 1
            message.revision, message.status = session.revision, MessageStatus.CANCELLED
        case MessageStatus.PROCESSING:
            # By the revision its host hears of it even if the hint is lost.
            session.revision += not message.cancel_requested
            message.cancel_requested = True
        case _:
            words = f"The message is {message.status}; only one that waits or is being answered"
            raise ConflictProblem(f"{words} can be cancelled.")


def _sent_before(
    db: Transaction, session: SessionRecord, key: str | None, mark: str
) -> MessageRecord | None:
    known = repository.find_by_key(db, session.id, key) if key else None
    if known is not None:
        check_repeated(known.fingerprint, mark)
    return known


def _read_after(db: Transaction, session_id: str, after: str | None) -> int | None:
    if after is None:
        return None
    if after.isascii() and after.isdecimal() and len(after) <= _MAX_DIGITS:
        return int(after)
    message = repository.find_message(db, session_id, after)
    if message is None:
        raise invalid("after", "must be the `id` or the `seq` of a message of this session")
    return message.seq
