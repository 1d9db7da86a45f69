"""Routes of sessions."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response, status

from raworc_api.access import permission
from raworc_api.core.guard import GuardedRoute
from raworc_api.core.idempotency import IdempotencyKey
from raworc_api.core.pages import linked
from raworc_api.core.permissions import Caller
from raworc_api.core.problems import ConflictProblem, InvalidProblem, NotFoundProblem, documented
from raworc_api.services import Sessions
from raworc_api.sessions.schemas import SessionBody, SessionQuery, SessionView, StateView

router = APIRouter(
    prefix="/sessions",
    tags=["sessions"],
    route_class=GuardedRoute,
    responses=documented(NotFoundProblem),
)

MayList = Annotated[Caller, Depends(permission("sessions", "list"))]
MayCreate = Annotated[Caller, Depends(permission("sessions", "create"))]
MayGet = Annotated[Caller, Depends(permission("sessions", "get"))]
MayUpdate = Annotated[Caller, Depends(permission("sessions", "update"))]
MayDelete = Annotated[Caller, Depends(permission("sessions", "delete"))]


@router.get("", operation_id="list_sessions")
def list_sessions(
    caller: MayList,
    asked: Annotated[SessionQuery, Query()],
    sessions: Sessions,
    request: Request,
    response: Response,
) -> list[SessionView]:
    """List sessions, newest first."""
    return linked(sessions.list(caller, asked), request, response)


@router.post(
    "",
    operation_id="create_session",
    status_code=status.HTTP_201_CREATED,
    responses=documented(ConflictProblem, InvalidProblem),
)
def create_session(
    caller: MayCreate,
    body: SessionBody,
    sessions: Sessions,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> SessionView:
    """Create a session; its pod starts as soon as its space is built."""
    session = sessions.create(caller, body, idempotency_key)
    response.headers["Location"] = f"/api/v0/sessions/{session.id}"
    return session


@router.get("/{session_id}", operation_id="get_session")
def get_session(caller: MayGet, session_id: str, sessions: Sessions) -> SessionView:
    """Show a session."""
    return sessions.get(caller, session_id)


@router.get("/{session_id}/state", operation_id="get_session_state")
def get_session_state(caller: MayGet, session_id: str, sessions: Sessions) -> StateView:
    """Show what a session is at, and why."""
    session = sessions.get(caller, session_id)
    return StateView(state=session.state, conditions=session.conditions)


@router.post("/{session_id}/close", operation_id="close_session")
def close_session(caller: MayUpdate, session_id: str, sessions: Sessions) -> SessionView:
    """Close a session: its pod ends when its turn is over, its volume is kept."""
    return sessions.close(caller, session_id)


@router.post("/{session_id}/restore", operation_id="restore_session")
def restore_session(caller: MayUpdate, session_id: str, sessions: Sessions) -> SessionView:
    """Restore a closed session: a new pod on the same volume."""
    return sessions.restore(caller, session_id)


@router.delete(
    "/{session_id}", operation_id="delete_session", status_code=status.HTTP_204_NO_CONTENT
)
def delete_session(caller: MayDelete, session_id: str, sessions: Sessions) -> None:
    """Delete a session with its pod, its volume and its messages."""
    sessions.delete(caller, session_id)
