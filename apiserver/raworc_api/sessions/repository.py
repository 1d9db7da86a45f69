"""Reads and writes the records of sessions."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, func, or_, tuple_
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select, update

from raworc_api.sessions.state import REFUSED
from raworc_api.sessions.tables import SessionRecord
from raworc_crds.agent_session import SessionState

_id = col(SessionRecord.id)
_space = col(SessionRecord.space)
_creator = col(SessionRecord.created_by)
_created = col(SessionRecord.created_at)
_present = ~col(SessionRecord.deleting)

# Made once, as every turn asks them several times.
_ONE = select(SessionRecord).where(_id == bindparam("id"), _present)
_NAMED = select(SessionRecord).where(
    _space == bindparam("space"), col(SessionRecord.name) == bindparam("name")
)

_REVISIONS = select(SessionRecord.id, SessionRecord.revision).where(
    _id.in_(bindparam("ids", expanding=True))
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sessions a list shall have; ``None`` means any."""

    principal: str
    spaces: frozenset[str] | None
    spaces_of_others: frozenset[str] | None
    space: str | None = None
    state: SessionState | None = None
    text: str | None = None
    after: tuple[datetime, str] | None = None


def find_session(db: Session, session_id: str) -> SessionRecord | None:
    """Find a session that is not being deleted."""
    return db.exec(_ONE, params={"id": session_id}).first()


def lock_session(db: Session, session_id: str) -> SessionRecord | None:
    """Lock a session that is not being deleted: who holds it changes it and its messages alone."""
    return db.exec(_ONE.with_for_update(), params={"id": session_id}).first()


def lock_named(db: Session, space: str, name: str) -> SessionRecord | None:
    """Lock a session by its place in the cluster, also one that is being deleted."""
    return db.exec(_NAMED.with_for_update(), params={"space": space, "name": name}).first()


def find_by_key(db: Session, principal: str, key: str) -> SessionRecord | None:
    """Find what a principal created with an idempotency key, also when it is being deleted."""
    wanted = select(SessionRecord).where(
        _creator == principal, SessionRecord.idempotency_key == key
    )
    return db.exec(wanted).first()


def is_deleting(db: Session, space: str, name: str) -> bool:
    """Say whether a session of this name is being deleted."""
    wanted = select(SessionRecord.deleting).where(
        SessionRecord.space == space, SessionRecord.name == name
    )
    return bool(db.exec(wanted).first())


def list_sessions(db: Session, wanted: Wanted, limit: int) -> list[SessionRecord]:
    """List sessions, newest first."""
    rows = select(SessionRecord).where(_present, *_conditions(wanted))
    return list(db.exec(rows.order_by(_created.desc(), _id.desc()).limit(limit)).all())


def records_of_space(space: str) -> Select[str, str]:
    """Return the query of the (space, name) of all sessions of a space."""
    return sql_select(_space, col(SessionRecord.name)).where(_space == space)


def list_revisions(db: Session, ids: Sequence[str]) -> dict[str, int]:
    """Return the revisions of sessions, which count every change that anyone could wait for."""
    rows = db.connection().execute(_REVISIONS, {"ids": ids})
    return {row.id: row.revision for row in rows}


def mark_deleting(db: Session, space: str) -> None:
    """Mark all sessions of a space as being deleted."""
    db.exec(
        update(SessionRecord)
        .where(_space == space)
        .values(deleting=True, revision=col(SessionRecord.revision) + 1)
    )


def state_column() -> ColumnElement[str]:
    """Say in SQL what ``state.session_state`` says of a record."""
    host, seen = col(SessionRecord.host_state), col(SessionRecord.cr_state)
    is_refused = func.json_contains(col(SessionRecord.conditions), json.dumps(REFUSED))
    is_silent = and_(col(SessionRecord.host_silent), host.is_not(None))
    # Without a status yet, the comparison with it is NULL, which counts as false.
    is_closed = and_(col(SessionRecord.closed), or_(host.is_(None), seen == SessionState.CLOSED))
    return case(
        (is_closed, str(SessionState.CLOSED)),
        (or_(is_refused, is_silent, seen == SessionState.ERRORED), str(SessionState.ERRORED)),
        (host.is_not(None), host),
        else_=str(SessionState.INIT),
    )


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions = [_visible(wanted)]
    if wanted.space is not None:
        conditions.append(_space == wanted.space)
    if wanted.state is not None:
        conditions.append(state_column() == str(wanted.state))
    if wanted.text is not None:
        name = col(SessionRecord.name)
        conditions.append(or_(name.contains(wanted.text, autoescape=True), _id == wanted.text))
    if wanted.after is not None:
        conditions.append(tuple_(_created, _id) < wanted.after)
    return conditions


def _visible(wanted: Wanted) -> ColumnElement[bool]:
    is_own = _creator == wanted.principal
    if wanted.spaces_of_others is None:
        is_shown: ColumnElement[bool] = or_(is_own, _id == _id)  # noqa: PLR0124 - SQL's "true"
    else:
        is_shown = or_(is_own, _space.in_(wanted.spaces_of_others))
    return is_shown if wanted.spaces is None else and_(is_shown, _space.in_(wanted.spaces))
