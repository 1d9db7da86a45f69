"""Routes for logging in."""

from fastapi import APIRouter, Depends

from raworc_api.accounts.schemas import AccountView, LoginBody, TokenView
from raworc_api.core.access import LoggedIn, public
from raworc_api.core.problems import TooManyProblem, UnauthenticatedProblem, documented
from raworc_api.services import Accounts

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post(
    "/login",
    operation_id="login",
    dependencies=[Depends(public)],
    responses=documented(UnauthenticatedProblem, TooManyProblem),
)
def login(body: LoginBody, accounts: Accounts) -> TokenView:
    """Give a token for a name and its password."""
    token = accounts.login(body.user, body.password)
    return TokenView(token=token.text, expires_at=token.expires_at)


@router.get("/me", operation_id="read_me", responses=documented(UnauthenticatedProblem))
def read_me(caller: LoggedIn, accounts: Accounts) -> AccountView:
    """Say whom the token speaks for."""
    return accounts.describe(caller)
