"""What a route demands of its caller; every route names exactly one of these."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from raworc_api.accounts.service import is_own
from raworc_api.core.guard import Demand, token
from raworc_api.core.permissions import Caller
from raworc_api.core.problems import ForbiddenProblem
from raworc_api.host.pods import HostPod
from raworc_api.services import services


@dataclass(frozen=True, slots=True)
class Permission(Demand):
    """The caller must be allowed a verb on a resource, somewhere; the service looks closer."""

    resource: str
    verb: str

    async def admit(self, request: Request) -> Caller:
        """Return the caller, or refuse."""
        caller = await _caller(request)
        return self._checked(caller)

    def _checked(self, caller: Caller) -> Caller:
        if not caller.may_somewhere(self.resource, self.verb):
            raise ForbiddenProblem(f"You may not {self.verb} {self.resource}.")
        return caller


@dataclass(frozen=True, slots=True)
class OwnOrPermission(Permission):
    """The caller must be the account that the path names, or be allowed the verb."""

    async def admit(self, request: Request) -> Caller:
        """Return the caller, or refuse."""
        caller = await _caller(request)
        if is_own(caller, request.path_params["name"]):
            return caller
        return self._checked(caller)


def permission(resource: str, verb: str) -> Permission:
    """Name the permission that a route takes."""
    return Permission(resource, verb)


def own_or(resource: str, verb: str) -> OwnOrPermission:
    """Name the permission that a route takes for any account but the caller's own."""
    return OwnOrPermission(resource, verb)


class _LoggedIn(Demand):
    """Lets any account in; for what concerns nobody but the caller."""

    async def admit(self, request: Request) -> Caller:
        """Return the caller, or refuse."""
        return await _caller(request)


class _SessionPod(Demand):
    """Lets only the pods of sessions in."""

    async def admit(self, request: Request) -> HostPod:
        """Return the pod, or refuse."""
        text, parts = await token(request), services(request)
        if (known := parts.pods.known(text)) is not None:
            return known
        return await parts.threads.cluster.run(parts.pods.read, text)


logged_in = _LoggedIn()
session_pod = _SessionPod()
LoggedIn = Annotated[Caller, Depends(logged_in)]
SessionPod = Annotated[HostPod, Depends(session_pod)]


async def _caller(request: Request) -> Caller:
    text, parts = await token(request), services(request)
    if (known := parts.authentication.known(text)) is not None:
        return known
    return await parts.threads.requests.run(parts.authentication.caller, text)
