"""The applications: which routes each has, and how they answer what goes wrong."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from pydantic.alias_generators import to_snake
from starlette.responses import Response

from raworc_api import health, peers
from raworc_api.accounts import account_routes as accounts
from raworc_api.accounts import routes as auth
from raworc_api.agents import routes as agents
from raworc_api.builds import routes as builds
from raworc_api.core import problems
from raworc_api.core.database import UNAVAILABLE
from raworc_api.core.problems import (
    ForbiddenProblem,
    InvalidProblem,
    UnauthenticatedProblem,
    UnavailableProblem,
    documented,
)
from raworc_api.core.threads import Threads
from raworc_api.host import routes as host
from raworc_api.messages import routes as messages
from raworc_api.roles import binding_routes as role_bindings
from raworc_api.roles import routes as roles
from raworc_api.services import Services
from raworc_api.sessions import routes as sessions
from raworc_api.spaces import routes as spaces

PREFIX = "/api/v0"
_FEATURES = (
    health,
    auth,
    accounts,
    roles,
    role_bindings,
    spaces,
    agents,
    builds,
    sessions,
    messages,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Apps:
    """The applications of one server, each of which has a port of its own."""

    public: FastAPI
    hosts: FastAPI
    probes: FastAPI


def create_apps(services: Services) -> Apps:
    """Make the applications: what people ask, what hosts ask, and what the kubelet asks."""
    return Apps(
        public=_create_public(services),
        hosts=_create_app(services, services.threads.hosts, [(host.router, PREFIX)]),
        probes=_create_app(services, services.threads.requests, [(health.router, "")]),
    )


def _create_public(services: Services) -> FastAPI:
    routers = [(feature.router, PREFIX) for feature in _FEATURES]
    app = _create_app(
        services,
        services.threads.requests,
        [*routers, (peers.router, "")],
        openapi_url=f"{PREFIX}/openapi.json",
        responses=documented(UnauthenticatedProblem, ForbiddenProblem, InvalidProblem),
    )
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign] # FastAPI's own way
    # FastAPI prepares routes when they are first asked for; nobody shall wait for that.
    app.openapi()
    return app


def _create_app(
    services: Services,
    threads: Threads,
    routers: Sequence[tuple[APIRouter, str]],
    *,
    openapi_url: str | None = None,
    responses: dict[int | str, dict[str, Any]] | None = None,
) -> FastAPI:
    app = FastAPI(
        title="Raworc",
        openapi_url=openapi_url,
        docs_url=None,
        redoc_url=None,
        responses=responses,
        # A redirect would name the host that the request names, and http behind a proxy's TLS.
        redirect_slashes=False,
    )
    app.state.services = services
    app.state.threads = threads
    app.state.large_bodies = asyncio.Semaphore(1)
    problems.install(app)
    for error in UNAVAILABLE:
        app.exception_handler(error)(_answer_unavailable)
    for router, prefix in routers:
        app.include_router(router, prefix=prefix)
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Describe the routes, and say that problems come in their own media type."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        for operations in schema["paths"].values():
            for operation in operations.values():
                _mark_problems(operation["responses"])
        _spell_in_snake_case(schema["components"]["schemas"])
        app.openapi_schema = schema
    return app.openapi_schema


def _mark_problems(responses: dict[str, Any]) -> None:
    """Put the description of problems under their media type, whatever else a route answers."""
    for status, response in responses.items():
        if status >= "400":
            (shape,) = response["content"].values()
            response["content"] = {problems.MEDIA_TYPE: shape}


def _spell_in_snake_case(schemas: dict[str, Any]) -> None:
    """Name fields as REST does; models of the contract describe themselves in camelCase."""
    for schema in schemas.values():
        if "properties" in schema:
            schema["properties"] = {
                to_snake(name): inner for name, inner in schema["properties"].items()
            }
            schema["required"] = [to_snake(name) for name in schema.get("required", [])]


async def _answer_unavailable(request: Request, error: Exception) -> Response:
    logger.warning("The database failed during %s: %s", request.url.path, error)
    return problems.render(UnavailableProblem("The database does not answer. Try again soon."))
