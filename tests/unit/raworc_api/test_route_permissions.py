"""Every route names what it demands of its caller: nothing is open by oversight."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from raworc_api.access import Permission, session_pod
from raworc_api.app import Apps, create_apps
from raworc_api.core.guard import Demand, GuardedRoute, public
from raworc_api.core.security import Keys, Tokens
from raworc_api.core.wake import Bus
from raworc_api.services import Context, make_services
from raworc_api.settings import DatabaseSettings, Settings

DESCRIPTION = "/api/v0/openapi.json"
RESOURCES = {
    "agents",
    "messages",
    "role-bindings",
    "roles",
    "service-accounts",
    "sessions",
    "space-builds",
    "spaces",
}
VERBS = {"get", "list", "create", "update", "delete"}
PUBLIC = {"/health", "/ready", "/version", "/auth/login", "/auth/refresh"}


@pytest.fixture(scope="module")
def apps() -> Apps:
    settings = Settings(DatabaseSettings("db", 1, "n", "u", "p"), Path("/keys"), Path("/password"))
    tokens = Tokens(Keys({"1": "k" * 32}.copy))
    context = Context(settings, tokens, Mock(), Bus(), Mock(), asyncio.Event())
    return create_apps(make_services(context, lambda: True))


@pytest.fixture(scope="module")
def app(apps: Apps) -> FastAPI:
    return apps.public


def routes(app: FastAPI) -> Iterator[RouteContext]:
    return (route for route in iter_route_contexts(app.routes) if route.path != DESCRIPTION)


def demands(route: RouteContext) -> list[Callable[..., Any]]:
    """Return what a route demands, of itself or through the routers that it lies in."""
    return [call for call in _calls(route.dependant) if _is_demand(call)]


def _calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    for inner in dependant.dependencies:
        if inner.call is not None:
            yield inner.call
        yield from _calls(inner)


def _is_demand(call: Callable[..., Any]) -> bool:
    return isinstance(call, Demand)


def test_every_route_makes_exactly_one_demand(apps: Apps) -> None:
    found = {
        f"{route.methods} {route.path}": demands(route)
        for app in (apps.public, apps.hosts, apps.probes)
        for route in routes(app)
    }
    assert len(found) > 35
    assert {path: calls for path, calls in found.items() if len(calls) != 1} == {}


def test_every_route_asks_its_demand_before_the_body(apps: Apps) -> None:
    for app in (apps.public, apps.hosts, apps.probes):
        found = [route for route in app.router.routes if isinstance(route, APIRoute)]
        assert not [route.path for route in found if not isinstance(route, GuardedRoute)]


def test_a_route_without_a_demand_cannot_be_made() -> None:
    router = APIRouter(route_class=GuardedRoute)
    with pytest.raises(RuntimeError, match="'/open' must make one demand, not 0"):
        router.get("/open")(lambda: None)


def test_only_a_few_routes_are_for_anyone(app: FastAPI) -> None:
    open_paths = {route.path for route in routes(app) if demands(route) == [public]}
    assert {str(path).removeprefix("/api/v0") for path in open_paths} == PUBLIC


def test_permissions_use_the_words_of_the_contract(app: FastAPI) -> None:
    named = [demand for route in routes(app) for demand in demands(route)]
    permissions = [demand for demand in named if isinstance(demand, Permission)]
    assert {permission.resource for permission in permissions} == RESOURCES
    assert {permission.verb for permission in permissions} <= VERBS


def test_hosts_have_a_port_for_session_pods_alone(apps: Apps) -> None:
    host = list(routes(apps.hosts))
    assert len(host) >= 5
    assert all(str(route.path).startswith("/api/v0/host/") for route in host)
    assert all(demands(route) == [session_pod] for route in host)
    assert not [route for route in routes(apps.public) if "/host/" in str(route.path)]


def test_the_port_of_probes_answers_only_them(apps: Apps) -> None:
    assert {route.path for route in routes(apps.probes)} == {"/health", "/ready", "/version"}


def test_every_described_route_has_a_name_of_its_own(app: FastAPI) -> None:
    described = [route for route in routes(app) if route.include_in_schema]
    names = [route.operation_id for route in described]
    assert None not in names
    assert len(set(names)) == len(names)


def test_problems_are_described_in_their_own_media_type(app: FastAPI) -> None:
    responses = [
        response
        for operations in app.openapi()["paths"].values()
        for operation in operations.values()
        for status, response in operation["responses"].items()
        if status >= "400"
    ]
    assert all("application/problem+json" in response["content"] for response in responses)
