"""Creating, closing, restoring and deleting sessions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from raworc_api.core.database import Database, Transaction, add_unique
from raworc_api.core.idempotency import check_repeated, fingerprint
from raworc_api.core.pages import Page, cut, read_cursor, write_cursor
from raworc_api.core.permissions import Caller
from raworc_api.core.problems import ConflictProblem, ForbiddenProblem, NotFoundProblem, invalid
from raworc_api.core.stored import read_conditions
from raworc_api.core.wake import Bus, session_topic
from raworc_api.mirror import outbox
from raworc_api.sessions import repository
from raworc_api.sessions.repository import Wanted
from raworc_api.sessions.schemas import SessionBody, SessionQuery, SessionView
from raworc_api.sessions.state import session_state
from raworc_api.sessions.tables import SessionRecord
from raworc_api.sessions.visibility import visible_session
from raworc_api.spaces.repository import share_space
from raworc_api.spaces.tables import SpaceRecord
from raworc_crds.agent_session import KIND, SessionSpec, SessionState
from raworc_crds.wire import dump


@dataclass(frozen=True, slots=True)
class SessionService:
    """What callers may do with sessions."""

    database: Database
    bus: Bus

    def list(self, caller: Caller, asked: SessionQuery) -> Page[SessionView]:
        """List the sessions that the caller may see, newest first."""
        wanted = Wanted(
            principal=caller.name,
            spaces=caller.spaces("sessions", "list"),
            spaces_of_others=caller.spaces("sessions", "list-all"),
            space=asked.space,
            state=asked.state,
            text=asked.q,
            after=read_cursor(asked.after),
        )
        with self.database() as db:
            rows = repository.list_sessions(db, wanted, asked.limit + 1)
        page, last = cut(rows, asked.limit)
        following = write_cursor(last.created_at, last.id) if last else None
        return Page([session_view(row) for row in page], following)

    def get(self, caller: Caller, session_id: str) -> SessionView:
        """Show one session."""
        with self.database() as db:
            return session_view(visible_session(db, caller, session_id, ("sessions", "get")))

    def create(self, caller: Caller, body: SessionBody, key: str | None) -> SessionView:
        """Create a session, or find the one that this key created before."""
        mark = fingerprint("session", body)
        with self.database() as db:
            if known := _created_before(db, caller, key, mark):
                return session_view(known)
            _check_space(share_space(db, body.space), caller, body)
            session = _new_session(caller, body, key, mark)
            if not add_unique(db, session):
                return self._resolve_taken(db, caller, session)
            outbox.request(db, KIND, session.space, session.name)
            db.commit()
        self.bus.publish(outbox.TOPIC)
        return session_view(session)

    def close(self, caller: Caller, session_id: str) -> SessionView:
        """Wish a session closed."""
        return self._wish(caller, session_id, closed=True)

    def restore(self, caller: Caller, session_id: str) -> SessionView:
        """Wish a session open."""
        return self._wish(caller, session_id, closed=False)

    def delete(self, caller: Caller, session_id: str) -> None:
        """Delete a session: from now on nobody sees it, and the cluster forgets it soon."""
        with self.database() as db:
            session = visible_session(db, caller, session_id, ("sessions", "delete"), lock=True)
            session.deleting = True
            session.revision += 1
            outbox.request(db, KIND, session.space, session.name)
            db.commit()
        self._announce(session)

    def _wish(self, caller: Caller, session_id: str, *, closed: bool) -> SessionView:
        with self.database() as db:
            session = visible_session(db, caller, session_id, ("sessions", "update"), lock=True)
            is_changed = wish_closed(db, session, closed=closed)
            db.commit()
        if is_changed:
            self._announce(session)
        return session_view(session)

    def _announce(self, session: SessionRecord) -> None:
        self.bus.publish(outbox.TOPIC)
        self.bus.publish(session_topic(session.id))

    def _resolve_taken(self, db: Transaction, caller: Caller, new: SessionRecord) -> SessionView:
        """Say why a session could not be added: a twin request was faster, or the name is taken."""
        known = _created_before(db, caller, new.idempotency_key, new.fingerprint or "")
        if known is None and repository.is_deleting(db, new.space, new.name):
            raise ConflictProblem(f"The session '{new.name}' is still being deleted. Try again.")
        if known is None:
            raise ConflictProblem(f"Space '{new.space}' already has a session '{new.name}'.")
        return session_view(known)


def wish_closed(db: Transaction, session: SessionRecord, *, closed: bool) -> bool:
    """Change the wish of a locked session; say whether it was another one before."""
    if session.closed == closed:
        return False
    session.closed = closed
    session.spec = {**session.spec, "closed": closed}
    session.revision += 1
    if not closed and session.cr_state == SessionState.CLOSED:
        # There is no pod, so who was its host is history.
        session.host_pod_uid = session.host_state = None
    outbox.request(db, KIND, session.space, session.name)
    return True


def session_view(session: SessionRecord) -> SessionView:
    """Show a session's record to a caller."""
    status: Mapping[str, Any] = session.status or {}
    return SessionView(
        id=session.id,
        space=session.space,
        name=session.name,
        agent=session.agent,
        state=session_state(session),
        closed=session.closed,
        metadata=session.spec.get("metadata") or {},
        created_by=session.created_by,
        created_at=session.created_at,
        last_activity_at=session.last_activity_at,
        container_id=status.get("podName"),
        persistent_volume_id=status.get("volumeClaimName"),
        parent_session_id=None,
        conditions=read_conditions(session.conditions),
    )


def _created_before(
    db: Transaction, caller: Caller, key: str | None, mark: str
) -> SessionRecord | None:
    known = repository.find_by_key(db, caller.name, key) if key else None
    if known is None:
        return None
    check_repeated(known.fingerprint, mark)
    if known.deleting:
        raise ConflictProblem("The session that this `Idempotency-Key` created is being deleted.")
    return known


def _check_space(space: SpaceRecord | None, caller: Caller, body: SessionBody) -> None:
    may_know = caller.may("spaces", "get", body.space, body.space)
    if space is None or not may_know:
        raise NotFoundProblem(f"There is no space '{body.space}'.")
    if not caller.may("sessions", "create", body.space):
        raise ForbiddenProblem(f"You may not create sessions in space '{body.space}'.")
    names = [agent.get("name") for agent in space.spec.get("agents") or []]
    if body.agent is not None and body.agent not in names:
        known = ", ".join(f"'{name}'" for name in names) or "none"
        raise invalid("/agent", f"must be one of the space's agents: {known}")


def _new_session(caller: Caller, body: SessionBody, key: str | None, mark: str) -> SessionRecord:
    now, session_id = datetime.now(UTC), str(uuid4())
    spec = SessionSpec(**_given(body), owner=caller.name)
    return SessionRecord(
        id=session_id,
        space=body.space,
        name=body.name or session_id,
        agent=body.agent,
        closed=body.closed,
        spec=dump(spec),
        created_by=caller.name,
        created_at=now,
        last_activity_at=now,
        idempotency_key=key,
        fingerprint=mark if key else None,
    )


def _given(body: SessionBody) -> dict[str, Any]:
    return {name: getattr(body, name) for name in body.model_fields_set - {"name"}}
