"""The application: its routes, its problems, and what runs beside them."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from raworc_api import health
from raworc_api.accounts import routes as accounts
from raworc_api.agents import routes as agents
from raworc_api.builds import routes as builds
from raworc_api.core import problems
from raworc_api.core.database import UNAVAILABLE
from raworc_api.core.limits import BodyLimit
from raworc_api.core.peers import peer_router
from raworc_api.core.problems import (
    ForbiddenProblem,
    InvalidProblem,
    UnauthenticatedProblem,
    UnavailableProblem,
    documented,
)
from raworc_api.host import routes as host
from raworc_api.messages import routes as messages
from raworc_api.services import Context, Services
from raworc_api.sessions import routes as sessions
from raworc_api.spaces import routes as spaces

PREFIX = "/api/v0"
_FEATURES = (health, accounts, spaces, agents, builds, sessions, messages, host)

# Something that runs as long as the application does.
Lifespan = Callable[[], AbstractAsyncContextManager[None]]

logger = logging.getLogger(__name__)


def create_app(context: Context, services: Services, lifespans: Sequence[Lifespan] = ()) -> FastAPI:
    """Make the application on its context; what stands beside it is opened first, in order."""
    app = FastAPI(
        title="Raworc",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(lifespans),
        responses=documented(UnauthenticatedProblem, ForbiddenProblem, InvalidProblem),
    )
    app.state.services = services
    app.add_middleware(BodyLimit)
    problems.install(app)
    for error in UNAVAILABLE:
        app.exception_handler(error)(_answer_unavailable)
    _include_routes(app, context)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign] # FastAPI's own way
    # FastAPI prepares routes when they are first asked for; nobody shall wait for that.
    app.openapi()
    return app


def _lifespan(
    lifespans: Sequence[Lifespan],
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for open_one in lifespans:
                await stack.enter_async_context(open_one())
            yield

    return lifespan


def _include_routes(app: FastAPI, context: Context) -> None:
    versioned = APIRouter(prefix=PREFIX)
    for feature in _FEATURES:
        versioned.include_router(feature.router)
    app.include_router(versioned)
    # Where probes look for them.
    app.include_router(health.router, include_in_schema=False)
    app.include_router(peer_router(context.bus, context.tokens))


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Describe the routes, and say that problems come in their own media type."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        for operations in schema["paths"].values():
            for operation in operations.values():
                _mark_problems(operation["responses"])
        app.openapi_schema = schema
    return app.openapi_schema


def _mark_problems(responses: dict[str, Any]) -> None:
    """Put the description of problems under their media type, whatever else a route answers."""
    for status, response in responses.items():
        if status >= "400":
            (shape,) = response["content"].values()
            response["content"] = {problems.MEDIA_TYPE: shape}


async def _answer_unavailable(request: Request, error: Exception) -> Response:
    logger.warning("The database did not do its part for %s: %s", request.url.path, error)
    return problems.render(UnavailableProblem("The database does not answer. Try again soon."))
