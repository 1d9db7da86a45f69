"""Routes for logging in."""

from fastapi import APIRouter, Depends

from raworc_api.access import LoggedIn
from raworc_api.accounts.schemas import AccountView, LoginBody, TokenView
from raworc_api.core.guard import GuardedRoute, public
from raworc_api.core.limits import KIBIBYTE, BodyLimit
from raworc_api.core.problems import TooManyProblem, UnauthenticatedProblem, documented
from raworc_api.services import Accounts, Pools

router = APIRouter(prefix="/auth", tags=["auth"], route_class=GuardedRoute)


@router.post(
    "/login",
    operation_id="login",
    dependencies=[Depends(public), Depends(BodyLimit(8 * KIBIBYTE))],
    responses=documented(UnauthenticatedProblem, TooManyProblem),
)
async def login(body: LoginBody, accounts: Accounts, threads: Pools) -> TokenView:
    """Give a token for a name and its password."""
    token = await threads.logins.run(accounts.login, body.user, body.password)
    return TokenView(token=token.text, expires_at=token.expires_at)


@router.get("/me", operation_id="read_me", responses=documented(UnauthenticatedProblem))
def read_me(caller: LoggedIn, accounts: Accounts) -> AccountView:
    """Say whom the token speaks for."""
    return accounts.describe(caller)
