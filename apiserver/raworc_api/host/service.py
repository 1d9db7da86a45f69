"""What a session's host may do: claim the session, take messages, answer, and leave."""

from dataclasses import dataclass
from datetime import UTC, datetime

from raworc_api.core.database import Database, Transaction
from raworc_api.core.problems import (
    ConflictProblem,
    FencedProblem,
    NotFoundProblem,
    StaleAttemptProblem,
)
from raworc_api.core.wake import Bus, session_topic
from raworc_api.host import repository, turns
from raworc_api.host.pods import HostPod
from raworc_api.host.schemas import AnswerBody, ClaimView, HeartbeatBody, PieceBody, TurnView
from raworc_api.messages.repository import find_message
from raworc_api.messages.schemas import MessageStatus
from raworc_api.messages.tables import MessageRecord
from raworc_api.sessions.repository import lock_named
from raworc_api.sessions.tables import SessionRecord
from raworc_api.spaces.repository import find_space
from raworc_crds.host_report import HostState

# Queued, too: an answer may come in after its host claimed the session again.
_OPEN = {MessageStatus.QUEUED, MessageStatus.PROCESSING}


@dataclass(frozen=True, slots=True)
class HostService:
    """The API's side of the host's protocol."""

    database: Database
    bus: Bus

    def claim(self, pod: HostPod) -> ClaimView:
        """Make a pod that is surely there the host of its session, in the place of any other."""
        with self.database() as db:
            session = _claimable(lock_named(db, pod.space, pod.session))
            turns.requeue(db, session, is_lost=True)
            turns.report(db, session, pod.uid, HostState.IDLE)
            view = _claim_view(db, session)
            db.commit()
        self.bus.publish(session_topic(session.id))
        return view

    def status(self, pod: HostPod) -> repository.HostStatus:
        """Say how the pod's session is, without a lock."""
        with self.database() as db:
            return _host_status(db, pod)

    def take(self, pod: HostPod) -> TurnView | None:
        """Begin the next turn, if there is a message for one."""
        with self.database() as db:
            session = _hosted(db, pod)
            before = session.revision
            turn = _next_turn(db, session, pod)
            db.commit()
        if session.revision != before:
            self.bus.publish(session_topic(session.id), can_wait=True)
        return turn

    def pass_piece(self, pod: HostPod, body: PieceBody) -> None:
        """Pass a piece of an answer to whoever follows the session now."""
        with self.database() as db:
            turn = _running_turn(db, pod, body.message_id, body.attempt)
        self.bus.publish(session_topic(turn.session_id), body.model_dump())

    def begin_heartbeat(self, pod: HostPod, body: HeartbeatBody) -> str:
        """Note that a turn goes on; return the topic on which its host waits for news."""
        now = datetime.now(UTC)
        with self.database() as db:
            turn = _running_turn(db, pod, body.message_id, body.attempt)
            repository.note_activity(db, turn.session_id, now, now + turns.LEASE)
            if turn.host_silent:
                turns.report(db, _hosted(db, pod), pod.uid, HostState.BUSY)
            db.commit()
        if turn.host_silent:
            self.bus.publish(session_topic(turn.session_id))
        return session_topic(turn.session_id)

    def running_turn(self, pod: HostPod, body: HeartbeatBody) -> repository.Turn:
        """Return the turn that a host runs, or say that it is its turn no longer."""
        with self.database() as db:
            return _running_turn(db, pod, body.message_id, body.attempt)

    def answer(self, pod: HostPod, body: AnswerBody) -> TurnView | None:
        """End a turn, once, and begin the next one if there is a message for it."""
        now = datetime.now(UTC)
        with self.database() as db:
            session = _hosted(db, pod)
            due = _due(find_message(db, session.id, body.message_id), body)
            if due is not None:
                turns.finish(db, session, due, body, now)
            turn = _next_turn(db, session, pod, due.seq if due else 0)
            db.commit()
        self.bus.publish(session_topic(session.id))
        return turn

    def release(self, pod: HostPod) -> None:
        """Let a host go; one that is the host no longer has nothing to give up."""
        with self.database() as db:
            session = lock_named(db, pod.space, pod.session)
            if session is None or session.host_pod_uid != pod.uid:
                return
            turns.requeue(db, session, is_lost=False)
            turns.report(db, session, None, None)
            db.commit()
        self.bus.publish(session_topic(session.id))


def _claimable(session: SessionRecord | None) -> SessionRecord:
    if session is None:
        raise NotFoundProblem("The session is not known yet.")
    if session.deleting:
        raise ConflictProblem("The session is being deleted.")
    if session.closed:
        # Either this pod is about to end, or the wish to open came through kubectl and is
        # still on its way here. A host that came in now would make a closed session look idle.
        raise NotFoundProblem("The session is not open yet.")
    return session


def _claim_view(db: Transaction, session: SessionRecord) -> ClaimView:
    space = find_space(db, session.space)
    timeout = "busyTimeoutSeconds"
    of_space = space.spec.get(timeout) if space else None
    return ClaimView(
        session_id=session.id,
        space=session.space,
        agent=session.agent,
        created_by=session.created_by,
        metadata=session.spec.get("metadata") or {},
        settings=(space.spec.get("settings") if space else None) or {},
        busy_timeout_seconds=session.spec.get(timeout) or of_space,
    )


def _host_status(db: Transaction, pod: HostPod) -> repository.HostStatus:
    found = repository.find_host_status(db, pod.space, pod.session)
    if found is None or found.deleting or found.host_pod_uid != pod.uid:
        raise FencedProblem("This pod is not the host of the session.")
    return found


def _hosted(db: Transaction, pod: HostPod) -> SessionRecord:
    session = lock_named(db, pod.space, pod.session)
    if session is None or session.deleting or session.host_pod_uid != pod.uid:
        raise FencedProblem("This pod is not the host of the session.")
    return session


def _running_turn(db: Transaction, pod: HostPod, message_id: str, attempt: int) -> repository.Turn:
    turn = repository.find_turn(db, pod.space, pod.session, message_id)
    if turn is None or turn.host_pod_uid != pod.uid:
        raise FencedProblem("Another pod is the host of this session now.")
    if turn.attempt != attempt or turn.status != MessageStatus.PROCESSING:
        raise StaleAttemptProblem("The message is not being answered by this attempt.")
    return turn


def _next_turn(
    db: Transaction, session: SessionRecord, pod: HostPod, after: int = 0
) -> TurnView | None:
    message = turns.take_next(db, session, after)
    turns.report(db, session, pod.uid, HostState.IDLE if message is None else HostState.BUSY)
    return None if message is None else turns.turn_view(db, message)


def _due(message: MessageRecord | None, body: AnswerBody) -> MessageRecord | None:
    """Return the message if its turn is still to be ended; a repeated end has no effect."""
    if message is None:
        raise NotFoundProblem("The session has no such message.")
    if message.attempt != body.attempt:
        raise StaleAttemptProblem(f"The message is at attempt {message.attempt}.")
    return message if message.status in _OPEN else None
