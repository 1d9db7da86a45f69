"""Routes of accounts and their API tokens."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response, status

from raworc_api.access import own_or, permission
from raworc_api.accounts.schemas import (
    AccountBody,
    AccountFields,
    AccountView,
    ApiTokenBody,
    ApiTokenView,
    NewApiTokenView,
    PasswordBody,
)
from raworc_api.core.guard import GuardedRoute
from raworc_api.core.pages import PageQuery, linked
from raworc_api.core.permissions import Caller
from raworc_api.core.problems import (
    ConflictProblem,
    InvalidProblem,
    NotFoundProblem,
    TooManyProblem,
    documented,
)
from raworc_api.services import Accounts, ApiTokens, Pools

router = APIRouter(
    prefix="/service-accounts",
    tags=["accounts"],
    route_class=GuardedRoute,
    responses=documented(NotFoundProblem),
)

_RESOURCE = "service-accounts"
MayList = Annotated[Caller, Depends(permission(_RESOURCE, "list"))]
MayCreate = Annotated[Caller, Depends(permission(_RESOURCE, "create"))]
MayUpdate = Annotated[Caller, Depends(permission(_RESOURCE, "update"))]
MayDelete = Annotated[Caller, Depends(permission(_RESOURCE, "delete"))]
OwnOrGet = Annotated[Caller, Depends(own_or(_RESOURCE, "get"))]
OwnOrUpdate = Annotated[Caller, Depends(own_or(_RESOURCE, "update"))]


@router.get("", operation_id="list_accounts")
def list_accounts(
    caller: MayList,
    asked: Annotated[PageQuery, Query()],
    accounts: Accounts,
    request: Request,
    response: Response,
) -> list[AccountView]:
    """List accounts by name."""
    return linked(accounts.list(caller, asked), request, response)


@router.post(
    "",
    operation_id="create_account",
    status_code=status.HTTP_201_CREATED,
    responses=documented(ConflictProblem, InvalidProblem),
)
async def create_account(
    caller: MayCreate, body: AccountBody, accounts: Accounts, threads: Pools, response: Response
) -> AccountView:
    """Create an account; it may do nothing before a role is bound to it."""
    account = await threads.logins.run(accounts.create, caller, body)
    response.headers["Location"] = f"/api/v0/service-accounts/{account.user}"
    return account


@router.get("/{name}", operation_id="get_account")
def get_account(caller: OwnOrGet, name: str, accounts: Accounts) -> AccountView:
    """Show an account."""
    return accounts.get(caller, name)


# Older clients say PUT.
@router.put("/{name}", include_in_schema=False, operation_id="replace_account")
@router.patch(
    "/{name}", operation_id="update_account", responses=documented(ConflictProblem, InvalidProblem)
)
def update_account(
    caller: MayUpdate, name: str, body: AccountFields, accounts: Accounts
) -> AccountView:
    """Describe, disable or enable an account; disabling it ends its logins."""
    return accounts.change(caller, name, body)


@router.delete(
    "/{name}",
    operation_id="delete_account",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(ConflictProblem),
)
def delete_account(caller: MayDelete, name: str, accounts: Accounts) -> None:
    """Delete an account with its roles and tokens; its sessions stay, its name is not reused."""
    accounts.delete(caller, name)


@router.put(
    "/{name}/password",
    operation_id="set_password",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(ConflictProblem, InvalidProblem, TooManyProblem),
)
async def set_password(
    caller: OwnOrUpdate, name: str, body: PasswordBody, accounts: Accounts, threads: Pools
) -> None:
    """Change a password, which ends the logins and the API tokens of the account."""
    await threads.logins.run(accounts.set_password, caller, name, body)


@router.get("/{name}/token", operation_id="list_api_tokens")
def list_api_tokens(
    caller: OwnOrGet,
    name: str,
    asked: Annotated[PageQuery, Query()],
    tokens: ApiTokens,
    request: Request,
    response: Response,
) -> list[ApiTokenView]:
    """List the API tokens of an account by name, with their last use."""
    return linked(tokens.list(caller, name, asked), request, response)


@router.post(
    "/{name}/token",
    operation_id="create_api_token",
    status_code=status.HTTP_201_CREATED,
    responses=documented(ConflictProblem, InvalidProblem),
)
def create_api_token(
    caller: OwnOrUpdate, name: str, body: ApiTokenBody, tokens: ApiTokens, response: Response
) -> NewApiTokenView:
    """Make an API token of an account; the answer is the only one that shows it."""
    made = tokens.create(caller, name, body)
    response.headers["Location"] = f"/api/v0/service-accounts/{name}/token/{made.name}"
    response.headers["Cache-Control"] = "no-store"
    return made


@router.delete(
    "/{name}/token/{token_name}",
    operation_id="revoke_api_token",
    status_code=status.HTTP_204_NO_CONTENT,
)
def revoke_api_token(caller: OwnOrUpdate, name: str, token_name: str, tokens: ApiTokens) -> None:
    """Revoke an API token."""
    tokens.revoke(caller, name, token_name)
