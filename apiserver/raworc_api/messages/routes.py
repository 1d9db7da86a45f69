"""Routes of a session's messages and events."""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response, status
from pydantic import Field
from sse_starlette import EventSourceResponse
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Scope, Send

from raworc_api.access import permission
from raworc_api.core.guard import GuardedRoute
from raworc_api.core.idempotency import IdempotencyKey
from raworc_api.core.pages import linked
from raworc_api.core.permissions import Caller
from raworc_api.core.problems import (
    ConflictProblem,
    InvalidProblem,
    NotFoundProblem,
    TooLargeProblem,
    documented,
)
from raworc_api.messages.schemas import (
    CountView,
    MessageBody,
    MessageFilter,
    MessageQuery,
    MessageView,
)
from raworc_api.services import Events, Messages, Pools

router = APIRouter(
    prefix="/sessions/{session_id}",
    tags=["messages"],
    route_class=GuardedRoute,
    responses=documented(NotFoundProblem),
)

_PING_SECONDS = 15
# A reader that takes nothing for so long is let go: what waits for it is memory of this replica.
STALLED_SECONDS = 20.0

logger = logging.getLogger(__name__)

MayList = Annotated[Caller, Depends(permission("messages", "list"))]
MayGet = Annotated[Caller, Depends(permission("messages", "get"))]
MayCreate = Annotated[Caller, Depends(permission("messages", "create"))]
Revision = Annotated[int, Field(ge=0, lt=2**63)]


@router.post(
    "/messages",
    operation_id="create_message",
    status_code=status.HTTP_201_CREATED,
    responses=documented(InvalidProblem, TooLargeProblem),
)
def create_message(
    caller: MayCreate,
    session_id: str,
    body: MessageBody,
    messages: Messages,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> MessageView:
    """Send a message; a closed session opens for it."""
    message = messages.send(caller, session_id, body, idempotency_key)
    response.headers["Location"] = f"/api/v0/sessions/{message.session_id}/messages/{message.id}"
    return message


@router.get("/messages", operation_id="list_messages")
def list_messages(
    caller: MayList,
    session_id: str,
    asked: Annotated[MessageQuery, Query()],
    messages: Messages,
    request: Request,
    response: Response,
) -> list[MessageView]:
    """List messages, oldest first."""
    return linked(messages.list(caller, session_id, asked), request, response)


@router.get("/messages/count", operation_id="count_messages")
def count_messages(
    caller: MayList, session_id: str, asked: Annotated[MessageFilter, Query()], messages: Messages
) -> CountView:
    """Count messages."""
    return CountView(count=messages.count(caller, session_id, asked))


@router.get("/messages/{message_id}", operation_id="get_message")
def get_message(
    caller: MayGet, session_id: str, message_id: str, messages: Messages
) -> MessageView:
    """Show a message."""
    return messages.get(caller, session_id, message_id)


@router.post(
    "/messages/{message_id}/cancel",
    operation_id="cancel_message",
    responses=documented(ConflictProblem),
)
def cancel_message(
    caller: MayCreate, session_id: str, message_id: str, messages: Messages
) -> MessageView:
    """Cancel a message: one that waits at once, one that is being answered as soon as it stops."""
    return messages.cancel(caller, session_id, message_id)


@router.get("/events", operation_id="follow_session", response_class=EventSourceResponse)
async def follow_session(
    caller: MayList,
    session_id: str,
    events: Events,
    threads: Pools,
    after: Annotated[Revision | None, Query(description="Continue after this revision.")] = None,
    last_event_id: Annotated[
        Revision | None, Header(description="Like `after`, and preferred to it.")
    ] = None,
) -> EventSourceResponse:
    """Follow a session: events `message`, `piece` and `session`, from now or from a revision."""
    begin = after if last_event_id is None else last_event_id
    stream = await threads.requests.run(events.open, caller, session_id, begin)
    return _EventStream(events.follow(stream), ping=_PING_SECONDS, send_timeout=STALLED_SECONDS)


class _EventStream(EventSourceResponse):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer until the stream ends, or its reader does not read."""
        try:
            await super().__call__(scope, receive, send)
        except* SendTimeoutError:
            logger.info(
                "A reader of events did not read for %s s and was disconnected.", STALLED_SECONDS
            )
