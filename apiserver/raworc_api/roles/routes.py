"""Routes of roles."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response, status

from raworc_api.access import permission
from raworc_api.core.guard import GuardedRoute
from raworc_api.core.pages import PageQuery, linked
from raworc_api.core.permissions import Caller
from raworc_api.core.problems import ConflictProblem, InvalidProblem, NotFoundProblem, documented
from raworc_api.roles.schemas import RoleBody, RoleFields, RoleView
from raworc_api.services import Roles

router = APIRouter(
    prefix="/roles",
    tags=["roles"],
    route_class=GuardedRoute,
    responses=documented(NotFoundProblem),
)

MayList = Annotated[Caller, Depends(permission("roles", "list"))]
MayCreate = Annotated[Caller, Depends(permission("roles", "create"))]
MayGet = Annotated[Caller, Depends(permission("roles", "get"))]
MayUpdate = Annotated[Caller, Depends(permission("roles", "update"))]
MayDelete = Annotated[Caller, Depends(permission("roles", "delete"))]


@router.get("", operation_id="list_roles")
def list_roles(
    caller: MayList,
    asked: Annotated[PageQuery, Query()],
    roles: Roles,
    request: Request,
    response: Response,
) -> list[RoleView]:
    """List roles by name."""
    return linked(roles.list(caller, asked), request, response)


@router.post(
    "",
    operation_id="create_role",
    status_code=status.HTTP_201_CREATED,
    responses=documented(ConflictProblem, InvalidProblem),
)
def create_role(caller: MayCreate, body: RoleBody, roles: Roles, response: Response) -> RoleView:
    """Create a role; it allows nothing that the caller may not do in all spaces."""
    role = roles.create(caller, body)
    response.headers["Location"] = f"/api/v0/roles/{role.name}"
    return role


@router.get("/{name}", operation_id="get_role")
def get_role(caller: MayGet, name: str, roles: Roles) -> RoleView:
    """Show a role."""
    return roles.get(caller, name)


@router.patch(
    "/{name}", operation_id="update_role", responses=documented(ConflictProblem, InvalidProblem)
)
def update_role(caller: MayUpdate, name: str, body: RoleFields, roles: Roles) -> RoleView:
    """Replace the fields that are given, for everyone who has the role."""
    return roles.change(caller, name, body)


@router.delete(
    "/{name}",
    operation_id="delete_role",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(ConflictProblem),
)
def delete_role(caller: MayDelete, name: str, roles: Roles) -> None:
    """Delete a role that nobody has."""
    roles.delete(caller, name)
