"""Routes of spaces."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response, status

from raworc_api.access import permission
from raworc_api.core.guard import GuardedRoute
from raworc_api.core.pages import PageQuery, linked
from raworc_api.core.permissions import Caller
from raworc_api.core.problems import (
    ConflictProblem,
    InvalidProblem,
    NotFoundProblem,
    PreconditionProblem,
    documented,
)
from raworc_api.services import Spaces
from raworc_api.spaces.schemas import SpaceBody, SpaceFields, SpaceView
from raworc_api.spaces.service import entity_tag, patched, space_view

router = APIRouter(
    prefix="/spaces",
    tags=["spaces"],
    route_class=GuardedRoute,
    responses=documented(NotFoundProblem),
)

MayList = Annotated[Caller, Depends(permission("spaces", "list"))]
MayCreate = Annotated[Caller, Depends(permission("spaces", "create"))]
MayGet = Annotated[Caller, Depends(permission("spaces", "get"))]
MayUpdate = Annotated[Caller, Depends(permission("spaces", "update"))]
MayDelete = Annotated[Caller, Depends(permission("spaces", "delete"))]
IfMatch = Annotated[
    str | None, Header(max_length=64, description="Only if this is still the `ETag`.")
]


@router.get("", operation_id="list_spaces")
def list_spaces(
    caller: MayList,
    asked: Annotated[PageQuery, Query()],
    spaces: Spaces,
    request: Request,
    response: Response,
) -> list[SpaceView]:
    """List spaces by name."""
    return linked(spaces.list(caller, asked), request, response)


@router.post(
    "",
    operation_id="create_space",
    status_code=status.HTTP_201_CREATED,
    responses=documented(ConflictProblem, InvalidProblem),
)
def create_space(
    caller: MayCreate, body: SpaceBody, spaces: Spaces, response: Response
) -> SpaceView:
    """Create a space; its agents are built at once."""
    space = spaces.create(caller, body)
    response.headers["Location"] = f"/api/v0/spaces/{space.name}"
    response.headers["ETag"] = entity_tag(space)
    return space_view(space)


@router.get("/{space}", operation_id="get_space")
def get_space(caller: MayGet, space: str, spaces: Spaces, response: Response) -> SpaceView:
    """Show a space."""
    found = spaces.get(caller, space, ("spaces", "get"))
    response.headers["ETag"] = entity_tag(found)
    return space_view(found)


@router.patch(
    "/{space}",
    operation_id="update_space",
    responses=documented(InvalidProblem, PreconditionProblem),
)
def update_space(
    caller: MayUpdate,
    space: str,
    body: SpaceFields,
    spaces: Spaces,
    response: Response,
    if_match: IfMatch = None,
) -> SpaceView:
    """Replace the fields that are given; null takes one away."""
    found = spaces.change(caller, space, ("spaces", "update"), patched(body), if_match)
    response.headers["ETag"] = entity_tag(found)
    return space_view(found)


@router.delete(
    "/{space}",
    operation_id="delete_space",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(PreconditionProblem),
)
def delete_space(caller: MayDelete, space: str, spaces: Spaces, if_match: IfMatch = None) -> None:
    """Delete a space with everything in it."""
    spaces.delete(caller, space, if_match)
