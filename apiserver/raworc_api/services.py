"""All services of one server, and how a route gets the one it needs."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import Depends, Request

from raworc_api.accounts.api_tokens import ApiTokenService
from raworc_api.accounts.authentication import Authentication
from raworc_api.accounts.grants import list_rights
from raworc_api.accounts.service import AccountService
from raworc_api.agents.service import AgentService
from raworc_api.builds.service import BuildService
from raworc_api.cluster import Cluster
from raworc_api.core.database import (
    HOST_THREADS,
    LOGIN_THREADS,
    LOOK_THREADS,
    REQUEST_THREADS,
    Databases,
)
from raworc_api.core.looks import Looks, Question
from raworc_api.core.security import Passwords, Tokens
from raworc_api.core.threads import Threads
from raworc_api.core.wake import ACCOUNT, SESSION, Bus
from raworc_api.host.leases import Leases
from raworc_api.host.pods import PodReader
from raworc_api.host.service import HostService
from raworc_api.host.waiting import TurnWaiter
from raworc_api.messages.events import EventService
from raworc_api.messages.service import MessageService
from raworc_api.roles.bindings import RoleBindingService
from raworc_api.roles.service import RoleService
from raworc_api.sessions.repository import list_revisions
from raworc_api.sessions.service import SessionService
from raworc_api.settings import Settings
from raworc_api.spaces.service import SpaceService

# Token reviews and logs of builds; they need no connection to the database.
_CLUSTER_THREADS = 8
# Each check of a password holds 19 MiB; who would wait for more than this many comes back later.
_QUEUED_LOGINS = 16


@dataclass(frozen=True, slots=True)
class ThreadPools:
    """The threads of one server, by what they are for."""

    requests: Threads
    hosts: Threads
    logins: Threads
    cluster: Threads
    looks: Threads


def make_threads() -> ThreadPools:
    """Make the pools; those that use the database are as large as its pools of connections."""
    return ThreadPools(
        requests=Threads(REQUEST_THREADS),
        hosts=Threads(HOST_THREADS),
        logins=Threads(LOGIN_THREADS, _QUEUED_LOGINS),
        cluster=Threads(_CLUSTER_THREADS),
        looks=Threads(LOOK_THREADS),
    )


@dataclass(frozen=True, slots=True)
class Services:
    """The services, put together once when the server starts."""

    authentication: Authentication
    accounts: AccountService
    api_tokens: ApiTokenService
    roles: RoleService
    role_bindings: RoleBindingService
    spaces: SpaceService
    agents: AgentService
    builds: BuildService
    sessions: SessionService
    messages: MessageService
    events: EventService
    pods: PodReader
    host: HostService
    waiter: TurnWaiter
    leases: Leases
    threads: ThreadPools
    tokens: Tokens
    bus: Bus
    looks: Looks
    alive: Callable[[], bool]
    ready: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Context:
    """What the services stand on."""

    settings: Settings
    tokens: Tokens
    databases: Databases
    bus: Bus
    cluster: Cluster
    stopping: asyncio.Event

    def stop(self) -> None:
        """Let everyone who waits for something go; called on the event loop."""
        self.stopping.set()
        self.bus.wake_everyone()


def make_services(context: Context, alive: Callable[[], bool]) -> Services:
    """Put the services together; ``alive`` says whether what runs beside them still does."""
    database, bus, stopping = context.databases.requests, context.bus, context.stopping
    threads = make_threads()
    questions = [Question(SESSION, list_revisions), Question(ACCOUNT, list_rights)]
    looks = Looks(context.databases.looks, threads.looks, bus, questions)
    prefix = context.settings.namespace_prefix
    seconds = context.settings.token_seconds
    passwords = Passwords()
    authentication = Authentication(database, passwords, context.tokens, bus, seconds)
    spaces = SpaceService(database, bus)
    pods = PodReader(context.cluster, prefix)
    host = HostService(context.databases.hosts, bus)
    leases = Leases(context.databases.hosts, bus, threads.hosts)
    return Services(
        authentication=authentication,
        accounts=AccountService(database, passwords, bus),
        api_tokens=ApiTokenService(database, bus),
        roles=RoleService(database, bus),
        role_bindings=RoleBindingService(database, bus),
        spaces=spaces,
        agents=AgentService(spaces),
        builds=BuildService(database, spaces, context.cluster, prefix),
        sessions=SessionService(database, bus),
        messages=MessageService(database, bus),
        events=EventService(database, bus, authentication, threads.requests, stopping),
        pods=pods,
        host=host,
        waiter=TurnWaiter(host, bus, leases, threads.hosts, stopping),
        leases=leases,
        threads=threads,
        tokens=context.tokens,
        bus=bus,
        looks=looks,
        alive=alive,
        ready=looks.check,
    )


def services(request: Request) -> Services:
    """Return the services of the server that got the request."""
    return cast("Services", request.app.state.services)


def _service(name: str) -> Any:  # noqa: ANN401 - what FastAPI takes as a dependency
    # Asynchronous, so that no thread is taken for it.
    async def get(request: Request) -> Any:  # noqa: ANN401 - `Services` knows the type
        return getattr(services(request), name)

    return Depends(get)


Login = Annotated[Authentication, _service("authentication")]
Accounts = Annotated[AccountService, _service("accounts")]
ApiTokens = Annotated[ApiTokenService, _service("api_tokens")]
Roles = Annotated[RoleService, _service("roles")]
RoleBindings = Annotated[RoleBindingService, _service("role_bindings")]
Spaces = Annotated[SpaceService, _service("spaces")]
Agents = Annotated[AgentService, _service("agents")]
Builds = Annotated[BuildService, _service("builds")]
Sessions = Annotated[SessionService, _service("sessions")]
Messages = Annotated[MessageService, _service("messages")]
Events = Annotated[EventService, _service("events")]
Pods = Annotated[PodReader, _service("pods")]
Host = Annotated[HostService, _service("host")]
Pools = Annotated[ThreadPools, _service("threads")]
Waiter = Annotated[TurnWaiter, _service("waiter")]
Alive = Annotated[Callable[[], bool], _service("alive")]
Ready = Annotated[Callable[[], None], _service("ready")]
