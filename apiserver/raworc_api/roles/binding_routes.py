"""Routes of role bindings."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response, status

from raworc_api.access import permission
from raworc_api.core.guard import GuardedRoute
from raworc_api.core.pages import linked
from raworc_api.core.permissions import Caller
from raworc_api.core.problems import ConflictProblem, InvalidProblem, NotFoundProblem, documented
from raworc_api.roles.schemas import RoleBindingBody, RoleBindingQuery, RoleBindingView
from raworc_api.services import RoleBindings

router = APIRouter(
    prefix="/role-bindings",
    tags=["roles"],
    route_class=GuardedRoute,
    responses=documented(NotFoundProblem),
)

MayList = Annotated[Caller, Depends(permission("role-bindings", "list"))]
MayCreate = Annotated[Caller, Depends(permission("role-bindings", "create"))]
MayGet = Annotated[Caller, Depends(permission("role-bindings", "get"))]
MayDelete = Annotated[Caller, Depends(permission("role-bindings", "delete"))]


@router.get("", operation_id="list_role_bindings")
def list_role_bindings(
    caller: MayList,
    asked: Annotated[RoleBindingQuery, Query()],
    bindings: RoleBindings,
    request: Request,
    response: Response,
) -> list[RoleBindingView]:
    """List role bindings, oldest first."""
    return linked(bindings.list(caller, asked), request, response)


@router.post(
    "",
    operation_id="create_role_binding",
    status_code=status.HTTP_201_CREATED,
    responses=documented(ConflictProblem, InvalidProblem),
)
def create_role_binding(
    caller: MayCreate, body: RoleBindingBody, bindings: RoleBindings, response: Response
) -> RoleBindingView:
    """Give an account a role, in one space or in all; never more than the caller may do there."""
    binding = bindings.create(caller, body)
    response.headers["Location"] = f"/api/v0/role-bindings/{binding.id}"
    return binding


@router.get("/{binding_id}", operation_id="get_role_binding")
def get_role_binding(caller: MayGet, binding_id: str, bindings: RoleBindings) -> RoleBindingView:
    """Show a role binding."""
    return bindings.get(caller, binding_id)


@router.delete(
    "/{binding_id}",
    operation_id="delete_role_binding",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(ConflictProblem),
)
def delete_role_binding(caller: MayDelete, binding_id: str, bindings: RoleBindings) -> None:
    """Take a role from an account, in that space alone."""
    bindings.delete(caller, binding_id)
