"""Routes of a space's builds."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response, status
from fastapi.responses import PlainTextResponse

from raworc_api.access import permission
from raworc_api.builds.schemas import BuildView
from raworc_api.core.guard import GuardedRoute
from raworc_api.core.pages import PageQuery, linked
from raworc_api.core.permissions import Caller
from raworc_api.core.problems import NotFoundProblem, UnavailableProblem, documented
from raworc_api.services import Builds, Pools

router = APIRouter(
    prefix="/spaces/{space}/build",
    tags=["builds"],
    route_class=GuardedRoute,
    responses=documented(NotFoundProblem),
)

MayList = Annotated[Caller, Depends(permission("space-builds", "list"))]
MayCreate = Annotated[Caller, Depends(permission("space-builds", "create"))]
MayGet = Annotated[Caller, Depends(permission("space-builds", "get"))]


@router.post("", operation_id="create_build", status_code=status.HTTP_202_ACCEPTED)
def create_build(caller: MayCreate, space: str, builds: Builds, response: Response) -> BuildView:
    """Look for new commits, and build if there are any."""
    response.headers["Location"] = f"/api/v0/spaces/{space}/build/latest"
    return builds.request(caller, space)


@router.get("", operation_id="list_builds")
def list_builds(
    caller: MayList,
    space: str,
    asked: Annotated[PageQuery, Query()],
    builds: Builds,
    request: Request,
    response: Response,
) -> list[BuildView]:
    """List the builds of a space, newest first."""
    return linked(builds.list(caller, space, asked), request, response)


@router.get("/latest", operation_id="get_latest_build")
def get_latest_build(caller: MayGet, space: str, builds: Builds) -> BuildView:
    """Show the newest build of a space."""
    return builds.latest(caller, space)


@router.get("/{build_id}", operation_id="get_build")
def get_build(caller: MayGet, space: str, build_id: str, builds: Builds) -> BuildView:
    """Show a build."""
    return builds.get(caller, space, build_id)


@router.get(
    "/{build_id}/logs",
    operation_id="get_build_logs",
    response_class=PlainTextResponse,
    responses=documented(UnavailableProblem),
)
async def get_build_logs(
    caller: MayGet, space: str, build_id: str, builds: Builds, threads: Pools
) -> PlainTextResponse:
    """Show what a build wrote."""
    await threads.requests.run(builds.get, caller, space, build_id)
    return PlainTextResponse(await threads.cluster.run(builds.logs, space, build_id))
