"""Which session a caller may see, and what the caller may do with it."""

from raworc_api.core.database import Transaction
from raworc_api.core.permissions import Caller
from raworc_api.core.problems import ForbiddenProblem, NotFoundProblem
from raworc_api.sessions import repository
from raworc_api.sessions.tables import SessionRecord


def visible_session(
    db: Transaction,
    caller: Caller,
    session_id: str,
    permission: tuple[str, str],
    *,
    lock: bool = False,
) -> SessionRecord:
    """Find a session that the caller may use as ``permission`` (resource, verb) says.

    What the caller may not know of is not found.
    """
    find = repository.lock_session if lock else repository.find_session
    session = find(db, session_id)
    if session is None or not _may_know(caller, session, permission):
        raise NotFoundProblem(f"There is no session '{session_id}'.")
    resource, verb = permission
    if not caller.may(resource, verb, session.space, session.id):
        raise ForbiddenProblem(f"You may not {verb} {resource} in space '{session.space}'.")
    return session


def _may_know(caller: Caller, session: SessionRecord, permission: tuple[str, str]) -> bool:
    """Say whether it is the caller's own, or one of others that the caller was given to use."""
    is_own = session.created_by == caller.name
    return (
        is_own
        or caller.may("sessions", "list-all", session.space, session.id)
        or caller.may_by_name(*permission, session.space, session.id)
    )
