"""Routes for logging in, and for what the caller is and may do."""

from fastapi import APIRouter, Depends, Request, Response, status

from raworc_api.access import LoggedIn
from raworc_api.accounts.authentication import TokenPair
from raworc_api.accounts.schemas import (
    AnswerView,
    LoginBody,
    LoginView,
    MeView,
    QuestionBody,
    RefreshBody,
)
from raworc_api.accounts.throttle import caller_address
from raworc_api.core.guard import GuardedRoute, public
from raworc_api.core.limits import KIBIBYTE, BodyLimit
from raworc_api.core.problems import TooManyProblem, UnauthenticatedProblem, documented
from raworc_api.services import Accounts, Login, Pools

router = APIRouter(prefix="/auth", tags=["auth"], route_class=GuardedRoute)
_SMALL = Depends(BodyLimit(8 * KIBIBYTE))


@router.post(
    "/login",
    operation_id="login",
    dependencies=[Depends(public), _SMALL],
    responses=documented(UnauthenticatedProblem, TooManyProblem),
)
async def login(
    body: LoginBody, request: Request, response: Response, login: Login, threads: Pools
) -> LoginView:
    """Give tokens for a name and its password."""
    address = caller_address(request)
    pair = await threads.logins.run(login.login, body.user, body.password, address)
    return _shown(pair, response)


@router.post(
    "/refresh",
    operation_id="refresh_login",
    dependencies=[Depends(public), _SMALL],
    responses=documented(UnauthenticatedProblem),
)
def refresh_login(body: RefreshBody, response: Response, login: Login) -> LoginView:
    """Give the next tokens of a login; a refresh token that comes twice ends the login."""
    return _shown(login.refresh(body.refresh_token), response)


@router.post(
    "/logout",
    operation_id="logout",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(UnauthenticatedProblem),
)
def logout(caller: LoggedIn, login: Login) -> None:
    """End the login of the token; an API token is revoked instead."""
    login.logout(caller)


@router.get("/me", operation_id="read_me", responses=documented(UnauthenticatedProblem))
def read_me(caller: LoggedIn, accounts: Accounts) -> MeView:
    """Say whom the token speaks for, and what it allows."""
    return accounts.describe(caller)


@router.post("/can-i", operation_id="can_i", responses=documented(UnauthenticatedProblem))
async def can_i(caller: LoggedIn, body: QuestionBody) -> AnswerView:
    """Say whether the caller's rules allow something; other people's sessions need `list-all`."""
    allowed = caller.may(body.resource, body.verb, body.space, body.name)
    return AnswerView(allowed=allowed)


def _shown(pair: TokenPair, response: Response) -> LoginView:
    response.headers["Cache-Control"] = "no-store"
    return LoginView(
        token=pair.access.text,
        expires_at=pair.access.expires_at,
        refresh_token=pair.refresh.text,
        refresh_expires_at=pair.refresh.expires_at,
    )
