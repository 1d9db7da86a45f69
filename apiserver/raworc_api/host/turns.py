"""The rules of turns: one message at a time, in order, at most three lost pods, one answer.

Every function here works on a session whose row the transaction has locked.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from raworc_api.core.database import Transaction
from raworc_api.host.schemas import (
    MAX_ANSWER,
    MAX_REASON_TEXT,
    MAX_WAIT_SECONDS,
    AnswerBody,
    AnswerStatus,
    FailureReason,
    HistoryView,
    TurnMessageView,
    TurnView,
)
from raworc_api.messages import repository
from raworc_api.messages.schemas import MessageStatus, Role
from raworc_api.messages.tables import MessageRecord
from raworc_api.mirror import outbox
from raworc_api.sessions.tables import SessionRecord
from raworc_crds.agent_session import KIND
from raworc_crds.host_report import HostState

MAX_LOSSES = 3
# How long a host's word holds: the longest wait that it may ask for, and a minute in which to find
# another replica and to be noted there.
LEASE = timedelta(seconds=MAX_WAIT_SECONDS + 60)
_HISTORY_ROWS = 200
_HISTORY_BYTES = 4 * 1024 * 1024


def take_next(db: Transaction, session: SessionRecord, after: int = 0) -> MessageRecord | None:
    """Begin the next turn; the turn that the host has already, it gets again as it was.

    Messages up to ``after`` are known to be done with.
    """
    if session.closed:
        # The pod is being drained; what is queued waits for the next one.
        return None
    # What changes here is written at once and at the end.
    with db.no_autoflush:
        while (message := repository.oldest_open(db, session.id, after)) is not None:
            if message.status == MessageStatus.PROCESSING:
                return message
            if message.losses < MAX_LOSSES:
                message.attempt += 1
                _change(session, message, MessageStatus.PROCESSING)
                return message
            lost = f"The agent's pod was lost {MAX_LOSSES} times while it answered."
            _fail(session, message, FailureReason.AGENT_LOST, lost)
            after = message.seq
    return None


def finish(
    db: Transaction, session: SessionRecord, message: MessageRecord, body: AnswerBody, now: datetime
) -> None:
    """End a turn with an answer, or with the reason why there is none."""
    session.last_activity_at = now
    if body.status is AnswerStatus.FAILED:
        _fail(session, message, body.reason or FailureReason.AGENT_ERROR, body.content)
    elif body.status is AnswerStatus.CANCELLED:
        _change(session, message, MessageStatus.CANCELLED)
    elif len(body.content.encode()) > MAX_ANSWER:
        too_large = f"An answer must be at most {MAX_ANSWER} bytes."
        _fail(session, message, FailureReason.ANSWER_TOO_LARGE, too_large)
    else:
        _change(session, message, MessageStatus.ANSWERED)
        repository.add_message(db, _reply(session, message, body, now))


def requeue(db: Transaction, session: SessionRecord, *, is_lost: bool) -> None:
    """Take the turn from a host that is lost or goes; the next host begins it anew."""
    message = repository.oldest_open(db, session.id)
    if message is not None and message.status == MessageStatus.PROCESSING:
        message.losses += is_lost
        is_wanted = not message.cancel_requested
        _change(session, message, MessageStatus.QUEUED if is_wanted else MessageStatus.CANCELLED)


def report(
    db: Transaction, session: SessionRecord, pod_uid: str | None, state: HostState | None
) -> None:
    """Note who is the host and what it is at, and let the cluster know soon if that is new."""
    session.host_lease_until = None if pod_uid is None else datetime.now(UTC) + LEASE
    before = (session.host_pod_uid, session.host_state, session.host_silent)
    session.host_pod_uid, session.host_state, session.host_silent = pod_uid, state, False
    if before != (pod_uid, state, False):
        _show(db, session)


def end_lease(db: Transaction, session: SessionRecord, now: datetime) -> bool:
    """Note that a host is silent, if its lease has ended; say whether that was to be noted."""
    if session.host_lease_until is None or session.host_lease_until >= now:
        return False
    session.host_lease_until = None
    session.host_silent = session.host_state is not None
    if session.host_silent:
        _show(db, session)
    return True


def _show(db: Transaction, session: SessionRecord) -> None:
    session.revision += 1
    outbox.report(db, KIND, session.space, session.name)


def turn_view(db: Transaction, message: MessageRecord) -> TurnView:
    """Show a turn to its host, with what was said before."""
    earlier = repository.list_history(db, message.session_id, _HISTORY_ROWS, _HISTORY_BYTES)
    return TurnView(
        message=TurnMessageView(
            id=message.id,
            role=message.role,
            content=message.content,
            metadata=message.metadata_,
            agent=message.agent,
            attempt=message.attempt,
            created_at=message.created_at,
        ),
        history=[HistoryView(**one._asdict()) for one in _fitting(earlier)],
    )


def _fitting(earlier: Sequence[repository.Said]) -> Sequence[repository.Said]:
    """Leave out the oldest, until the rest fits as JSON too.

    Escaped, one byte may become six; and what a host cannot hold once, it cannot hold in any of the
    session's next turns either.
    """
    left = _HISTORY_BYTES
    for number, said in reversed(list(enumerate(earlier))):
        left -= len(json.dumps(said.content))
        if left < 0:
            return earlier[number + 1 :]
    return earlier


def _change(session: SessionRecord, message: MessageRecord, status: MessageStatus) -> None:
    session.revision += 1
    message.revision = session.revision
    message.status = status


def _fail(session: SessionRecord, message: MessageRecord, reason: str, text: str) -> None:
    _change(session, message, MessageStatus.FAILED)
    message.error = {"reason": str(reason), "message": text[:MAX_REASON_TEXT]}


def _reply(
    session: SessionRecord, message: MessageRecord, body: AnswerBody, now: datetime
) -> MessageRecord:
    session.revision += 1
    session.next_seq += 1
    return MessageRecord(
        id=str(uuid4()),
        session_id=session.id,
        seq=session.next_seq - 1,
        revision=session.revision,
        role=Role.AGENT,
        content=body.content,
        metadata_=body.metadata,
        status=MessageStatus.DELIVERED,
        reply_to=message.id,
        agent=body.agent,
        created_by=session.created_by,
        created_at=now,
    )
