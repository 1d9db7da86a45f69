"""What a route demands of its caller; every route names exactly one of these."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from raworc_api.core.permissions import Caller, authorize_somewhere
from raworc_api.core.problems import ForbiddenProblem, UnauthenticatedProblem
from raworc_api.core.security import PEERS_AUDIENCE, Tokens
from raworc_api.host.pods import HostPod
from raworc_api.services import Accounts, Pods

_bearer = HTTPBearer(auto_error=False, description="The token that `POST /auth/login` gives.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


@dataclass(frozen=True, slots=True)
class Permission:
    """The caller must be allowed a verb on a resource, somewhere; the service looks closer."""

    resource: str
    verb: str

    def __call__(self, accounts: Accounts, credentials: Credentials) -> Caller:
        """Return the caller, or refuse."""
        caller = accounts.caller(token(credentials))
        if not authorize_somewhere(caller.grants, self.resource, self.verb):
            raise ForbiddenProblem(f"You may not {self.verb} {self.resource}.")
        return caller


def permission(resource: str, verb: str) -> Permission:
    """Name the permission that a route takes."""
    return Permission(resource, verb)


async def public() -> None:
    """Mark a route that anyone may ask."""


def logged_in(accounts: Accounts, credentials: Credentials) -> Caller:
    """Let any account in; for what concerns nobody but the caller."""
    return accounts.caller(token(credentials))


def session_pod(pods: Pods, credentials: Credentials) -> HostPod:
    """Let only the pods of sessions in."""
    return pods.read(token(credentials))


@dataclass(frozen=True, slots=True)
class FromPeer:
    """The caller must be another replica of this server."""

    tokens: Tokens

    async def __call__(self, credentials: Credentials) -> None:
        """Let the caller pass, or refuse."""
        self.tokens.verify(token(credentials), PEERS_AUDIENCE)


LoggedIn = Annotated[Caller, Depends(logged_in)]
SessionPod = Annotated[HostPod, Depends(session_pod)]


def token(credentials: HTTPAuthorizationCredentials | None) -> str:
    """Return the bearer token of a request, or refuse."""
    if credentials is None:
        raise UnauthenticatedProblem("Send `Authorization: Bearer <token>`.")
    return credentials.credentials
