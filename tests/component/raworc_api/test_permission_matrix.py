"""Every route of the application, asked by every role for its own, another's and a foreign thing.

The routes are those of the application. A route that this table cannot ask fails by its name: give
it a body in ``BODIES``, or a value for its part of the path in ``Place``.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from sqlmodel import Session, col, delete, update
from tests.support.api_bed import ECHO, SPACE, ApiBed

from raworc_api.access import Permission
from raworc_api.accounts.tables import Account, Role, RoleBinding
from raworc_api.app import create_apps
from raworc_api.builds.tables import BuildRecord
from raworc_api.messages.tables import MessageRecord
from raworc_api.mirror.tables import OutboxRow
from raworc_api.sessions.tables import SessionRecord
from raworc_api.spaces.tables import SpaceRecord

ROOT = "/api/v0"
LAB = "lab"
WRITE = {"get", "list", "create", "update", "delete"}
READ = {"get", "list"}
# What each role allows, said here once more and apart from the code that seeds the roles.
ALLOWED: Mapping[str, Mapping[str, set[str]]] = {
    "admin": {
        name: WRITE | {"list-all"}
        for name in (
            *("spaces", "agents", "space-builds", "sessions", "messages"),
            *("service-accounts", "roles", "role-bindings"),
        )
    },
    "operator": {
        "spaces": WRITE,
        "agents": WRITE,
        "space-builds": WRITE,
        "sessions": {"get", "list", "list-all", "update", "delete"},
        "service-accounts": READ,
        "roles": READ,
        "role-bindings": READ,
    },
    "developer": {
        "spaces": READ,
        "agents": WRITE,
        "space-builds": WRITE,
        "sessions": WRITE,
        "messages": {"get", "list", "create"},
    },
    "viewer": {
        "spaces": READ,
        "agents": READ,
        "space-builds": READ,
        "sessions": {"get", "list", "list-all"},
        "messages": READ,
    },
    "user": {
        "spaces": READ,
        "agents": READ,
        "space-builds": READ,
        "sessions": WRITE,
        "messages": {"get", "list", "create"},
    },
    "nothing": {},
}
# A role in one space gives nothing here.
OUTSIDE_OF_SPACES = {"service-accounts", "roles"}
# These name the space in their bodies.
IN_BODY = {"create_session", "create_role_binding"}
BODIES: Mapping[str, Any] = {
    "cancel_message": None,
    "close_session": None,
    "create_account": {"user": "new"},
    "create_agent": {"name": "new", "source_repo": "https://example.com/new.git"},
    "create_api_token": {"name": "new"},
    "create_build": None,
    "create_message": {"content": "hello"},
    "create_role": {"name": "new", "rules": []},
    "create_role_binding": {"role_name": "nothing", "principal_name": "guest", "space": "{space}"},
    "create_session": {"space": "{space}"},
    "create_space": {"name": "{space}"},
    "replace_account": {"description": "new"},
    "restore_session": None,
    "set_password": {"new_password": "a good long password"},
    "update_account": {"description": "new"},
    "update_role": {"description": "new"},
    "update_space": {"description": "new"},
}


@dataclass
class Place:
    """Where a request goes, and whose session lies there."""

    space: str
    owner: str
    session_id: str = field(default_factory=lambda: str(uuid4()))
    message_id: str = field(default_factory=lambda: str(uuid4()))
    binding_id: int | None = None

    def path(self, route: RouteContext) -> str:
        """Fill in the path of a route."""
        is_of_agents = "/agents" in str(route.path)
        parts = {
            "space": self.space,
            "session_id": self.session_id,
            "message_id": self.message_id,
            "binding_id": self.binding_id,
            "build_id": "b1",
            "token_name": "none",
            # An agent, an account and a role are there by these names.
            "name": "echo" if is_of_agents else "guest",
        }
        return str(route.path).format(**parts).removeprefix(ROOT)

    def body(self, route: RouteContext) -> Any:  # noqa: ANN401 - JSON
        """Return what is sent."""
        if method(route) in {"GET", "DELETE"}:
            return None
        body = BODIES[str(route.operation_id)]
        return json.loads(json.dumps(body).replace("{space}", self.space))


PLACES = {"own": (SPACE, "carl"), "other": (SPACE, "ann"), "foreign": (LAB, "bob")}


def expected(role: str, bound: str | None, route: RouteContext, place: Place) -> str:
    """Say what becomes of a request: it is let in, forbidden, or what it asks for is hidden."""
    permission, path = demand(route), str(route.path)
    allowed = ALLOWED[role]
    if permission.verb not in allowed.get(permission.resource, ()):
        return "forbidden"
    if permission.resource in OUTSIDE_OF_SPACES:
        return "in" if bound is None else "forbidden"
    is_bound = bound in {None, place.space}
    if "{session_id}" in path:
        may_see_others = is_bound and "list-all" in allowed["sessions"]
        return "in" if place.owner == "carl" or may_see_others else "hidden"
    if "{space}" in path or "{binding_id}" in path or route.operation_id in IN_BODY:
        return "in" if is_bound else "hidden"
    if route.operation_id == "create_space":
        return "in" if is_bound else "forbidden"
    assert "{" not in path, f"say where {path} is"
    return "in"


def outcome(response: httpx2.Response) -> str:
    """Read what became of a request; a route's own objections come after the caller was let in."""
    if response.headers.get("content-type", "").startswith("text/event-stream"):
        return "in"
    response.read()
    if response.status_code == HTTPStatus.FORBIDDEN:
        return "forbidden"
    hidden = ("There is no space", "There is no session", "There is no role binding")
    if response.status_code == HTTPStatus.NOT_FOUND:
        return "hidden" if response.json()["detail"].startswith(hidden) else "in"
    assert response.status_code in {200, 201, 202, 204, 409}, response.text
    return "in"


def method(route: RouteContext) -> str:
    """Return the method of a route, of which it has one."""
    assert route.methods is not None
    (found,) = route.methods
    return found


def demand(route: RouteContext) -> Permission:
    """Return what a route demands; those of other kinds have tests of their own."""
    (found,) = (call for call in _calls(route.dependant) if isinstance(call, Permission))
    return found


def _calls(dependant: Dependant) -> Iterator[object]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)


def routes(app: FastAPI) -> list[RouteContext]:
    """Return the routes of the application that take a permission."""
    return [
        route
        for route in iter_route_contexts(app.routes)
        if route.path != f"{ROOT}/openapi.json"
        and any(isinstance(call, Permission) for call in _calls(route.dependant))
    ]


def arrange(db: Session, place: Place) -> None:
    """Put everything that a request may ask for in its place, whatever the one before did."""
    now = datetime.now(UTC)
    for name in (SPACE, LAB):
        space = {"spec": {"agents": [ECHO]}, "deleting": False}
        db.exec(update(SpaceRecord).where(col(SpaceRecord.name) == name).values(**space))
    for record in (SessionRecord, OutboxRow):
        db.exec(delete(record))
    for name in ("guest", "new"):
        db.exec(delete(RoleBinding).where(col(RoleBinding.principal) == name))
        db.exec(delete(Role).where(col(Role.name) == name))
        db.exec(delete(Account).where(col(Account.name) == name))
    guest: dict[str, Any] = {"name": "guest", "created_at": now}
    db.add_all([Account(**guest, password_hash="!"), Role(**guest, rules=[])])
    db.add(_session(place, now))
    db.flush()
    db.add(_message(place, now))
    binding = RoleBinding(principal="guest", role="guest", space=place.space)
    db.add(binding)
    db.commit()
    place.binding_id = binding.id


def _session(place: Place, now: datetime) -> SessionRecord:
    return SessionRecord(
        id=place.session_id,
        space=place.space,
        name=place.session_id,
        spec={"space": place.space},
        next_seq=2,
        created_by=place.owner,
        created_at=now,
        last_activity_at=now,
    )


def _message(place: Place, now: datetime) -> MessageRecord:
    return MessageRecord(
        id=place.message_id,
        session_id=place.session_id,
        seq=1,
        revision=1,
        role="user",
        content="hello",
        metadata_={},
        status="queued",
        created_by=place.owner,
        created_at=now,
    )


@pytest.fixture
def spaces(bed: ApiBed) -> None:
    """Make the second space, a build in each, and a role that allows nothing."""
    bed.space(LAB)
    now = datetime.now(UTC)
    with bed.database() as db:
        for space in (SPACE, LAB):
            build: dict[str, Any] = {
                "space": space,
                "build_id": "b1",
                "started_at": now,
                "agents": [],
            }
            db.add(BuildRecord(**build, status="completed", image_tag="x"))
        db.add(Role(name="nothing", rules=[], created_at=now))
        db.commit()


@pytest.mark.usefixtures("spaces")
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("role", "bound"),
    [(role, SPACE) for role in ALLOWED]
    + [(role, None) for role in ("admin", "operator", "developer", "viewer")],
)
def test_every_route_asks_what_the_role_allows_there(
    bed: ApiBed, role: str, bound: str | None
) -> None:
    bed.account("carl", role, bound)
    carl, wrong = bed.client("carl"), {}
    for route in routes(create_apps(bed.replicas[0].services).public):
        for name, (space, owner) in PLACES.items():
            place = Place(space, owner)
            with bed.database() as db:
                arrange(db, place)
            request = carl.build_request(method(route), place.path(route), json=place.body(route))
            response = carl.send(request, stream=True)
            seen, wanted = outcome(response), expected(role, bound, route, place)
            if seen != wanted:
                wrong[f"{method(route)} {route.path}, {name}"] = f"{seen}, not {wanted}"
            if route.operation_id == "list_sessions" and seen == "in":
                is_shown = place.session_id in response.text
                may_see = bound in {None, space} and "list-all" in ALLOWED[role]["sessions"]
                is_own = owner == "carl" and bound in {None, space}
                assert is_shown is (is_own or may_see), name
            response.close()
    assert wrong == {}
