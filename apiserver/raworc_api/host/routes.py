"""Routes for the hosts in session pods."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response, status

from raworc_api.access import SessionPod
from raworc_api.core.guard import GuardedRoute
from raworc_api.core.limits import MAX_ANSWER_BODY, BodyLimit
from raworc_api.core.problems import (
    FencedProblem,
    ForbiddenProblem,
    NotFoundProblem,
    UnauthenticatedProblem,
    documented,
)
from raworc_api.host.schemas import (
    MAX_WAIT_SECONDS,
    AnswerBody,
    ClaimView,
    EmptyBody,
    HeartbeatBody,
    HeartbeatView,
    NextView,
    PieceBody,
    TurnView,
)
from raworc_api.services import Host, Pods, Pools, Waiter

router = APIRouter(
    prefix="/host",
    tags=["host"],
    route_class=GuardedRoute,
    responses=documented(UnauthenticatedProblem, ForbiddenProblem, FencedProblem),
)


@router.post("/claim", operation_id="claim_session", responses=documented(NotFoundProblem))
async def claim_session(
    pod: SessionPod, _: EmptyBody, host: Host, pods: Pods, threads: Pools
) -> ClaimView:
    """Become the host of the session."""
    # Who is known by the token may be gone since, and must not take the session back.
    await threads.cluster.run(pods.confirm, pod)
    return await threads.hosts.run(host.claim, pod)


@router.get(
    "/messages/next",
    operation_id="take_message",
    response_model=TurnView,
    responses={204: {"description": "No message came within `wait`."}},
)
async def take_message(
    pod: SessionPod,
    waiter: Waiter,
    request: Request,
    wait: Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait.")] = 25,
) -> TurnView | Response:
    """Wait for the next message to answer."""
    turn = await waiter.wait(pod, wait, request.is_disconnected)
    return Response(status_code=status.HTTP_204_NO_CONTENT) if turn is None else turn


@router.post("/heartbeat", operation_id="keep_turn")
async def keep_turn(
    pod: SessionPod,
    body: HeartbeatBody,
    waiter: Waiter,
    request: Request,
    wait: Annotated[
        float, Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for news.")
    ] = 0,
) -> HeartbeatView:
    """Say that a turn goes on, and wait for what is to be done about it."""
    cancel = await waiter.wait_for_cancel(pod, body, wait, request.is_disconnected)
    return HeartbeatView(cancel=cancel)


@router.post("/pieces", operation_id="pass_piece", status_code=status.HTTP_204_NO_CONTENT)
def pass_piece(pod: SessionPod, body: PieceBody, host: Host) -> None:
    """Pass a piece of an answer on to who follows the session."""
    host.pass_piece(pod, body)


@router.post(
    "/answers", operation_id="answer_message", dependencies=[Depends(BodyLimit(MAX_ANSWER_BODY))]
)
def answer_message(pod: SessionPod, body: AnswerBody, host: Host) -> NextView:
    """Answer a message, or say why it failed, and take the next one."""
    return NextView(next=host.answer(pod, body))


@router.post("/release", operation_id="release_session", status_code=status.HTTP_204_NO_CONTENT)
def release_session(pod: SessionPod, _: EmptyBody, host: Host) -> None:
    """Stop being the host of the session."""
    host.release(pod)
