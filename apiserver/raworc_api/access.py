"""What a route demands of its caller; every route names exactly one of these."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from raworc_api.core.guard import Demand, token
from raworc_api.core.permissions import Caller, authorize_somewhere
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
        if not authorize_somewhere(caller.grants, self.resource, self.verb):
            raise ForbiddenProblem(f"You may not {self.verb} {self.resource}.")
        return caller


def permission(resource: str, verb: str) -> Permission:
    """Name the permission that a route takes."""
    return Permission(resource, verb)


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
    return await parts.threads.requests.run(parts.accounts.caller, text)
