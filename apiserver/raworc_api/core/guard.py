"""Routes that know their caller before they read a byte of the body.

FastAPI parses the body first and asks dependencies afterwards, so whoever could connect could make
the server parse 44 MiB of JSON. A guarded route turns that around: (1) what the route demands
(one ``Demand`` among its dependencies, found when the route is made) is asked with the headers
alone; (2) the body is read, within the limit of the route (``BodyLimit``) and its time; (3)
FastAPI does the rest, with bodies that are larger than most one at a time, and the demand as a
dependency only returns the caller that was found. A route without a demand cannot be made.

Route functions that block run in the pool of the application that serves them
(``app.state.threads``): hosts, people and logins do not wait for one another.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import nullcontext
from contextvars import ContextVar
from functools import wraps
from inspect import iscoroutinefunction
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from raworc_api.core.limits import MAX_BODY, BodyLimit, read_body
from raworc_api.core.problems import UnauthenticatedProblem
from raworc_api.core.threads import Threads

_bearer = HTTPBearer(auto_error=False, description="The token that `POST /auth/login` gives.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]

_threads: ContextVar[Threads] = ContextVar("threads")


class Demand(ABC):
    """What a route demands of its caller; as a dependency it gives the caller."""

    @abstractmethod
    async def admit(self, request: Request) -> object:
        """Return the caller, known by the headers alone, or refuse."""

    async def __call__(self, request: Request, _: Credentials) -> Any:  # noqa: ANN401 - as admitted
        """Return the caller that was admitted before the body was read."""
        return request.state.caller


class Public(Demand):
    """Marks a route that anyone may ask."""

    async def admit(self, request: Request) -> None:
        """Let anyone in."""

    async def __call__(self) -> None:  # type: ignore[override] # no credentials in the description
        """Nobody is known."""


public = Public()


async def token(request: Request) -> str:
    """Return the bearer token of a request, or refuse."""
    credentials = await _bearer(request)
    if credentials is None:
        raise UnauthenticatedProblem("Send `Authorization: Bearer <token>`.")
    return credentials.credentials


class GuardedRoute(APIRoute):
    """A route that asks its demand before it reads the body."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - FastAPI's own
        # The contract's models spell camelCase for Kubernetes; REST is snake_case throughout.
        options["response_model_by_alias"] = False
        super().__init__(path, _in_threads(endpoint), **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Put the guard before what FastAPI does."""
        handle = super().get_route_handler()
        demand = _demand(self)
        limit = _limit(self)
        has_body = self.body_field is not None

        async def guarded(request: Request) -> Response:
            request.state.caller = await demand.admit(request)
            _threads.set(request.app.state.threads)
            if not has_body:
                return await handle(request)
            bounded = await read_body(request, limit)
            is_large = len(await bounded.body()) > MAX_BODY
            # Parsed, a body of 48 MiB takes some 200 MiB: two of them at once would be too many.
            # Nobody waits while a body arrives: one that stalls would hold back all others.
            async with request.app.state.large_bodies if is_large else nullcontext():
                return await handle(bounded)

        return guarded


def _demand(route: APIRoute) -> Demand:
    demands = [call for call in _calls(route.dependant) if isinstance(call, Demand)]
    if len(demands) != 1:
        raise RuntimeError(f"The route '{route.path}' must make one demand, not {len(demands)}.")
    return demands[0]


def _limit(route: APIRoute) -> int:
    limits = [call for call in _calls(route.dependant) if isinstance(call, BodyLimit)]
    return limits[0].bytes if limits else MAX_BODY


def _calls(dependant: Dependant) -> Iterator[object]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)


def _in_threads(endpoint: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    if iscoroutinefunction(endpoint):
        return endpoint

    @wraps(endpoint)
    async def run(**arguments: object) -> object:
        return await _threads.get().run(endpoint, **arguments)

    return run
