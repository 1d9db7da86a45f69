"""All services of one server, and how a route gets the one it needs."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, cast

from fastapi import Depends, Request

from raworc_api.accounts.service import AccountService
from raworc_api.agents.service import AgentService
from raworc_api.builds.service import BuildService
from raworc_api.cluster import Cluster
from raworc_api.database import Sessions as DatabaseSessions
from raworc_api.database import check_database
from raworc_api.host.pods import PodReader
from raworc_api.host.service import HostService
from raworc_api.host.waiting import TurnWaiter
from raworc_api.messages.events import EventService
from raworc_api.messages.service import MessageService
from raworc_api.security import Passwords, Tokens
from raworc_api.sessions.service import SessionService
from raworc_api.settings import Settings
from raworc_api.spaces.service import SpaceService
from raworc_api.wake import Bus


@dataclass(frozen=True, slots=True)
class Services:
    """The services, put together once when the server starts."""

    accounts: AccountService
    spaces: SpaceService
    agents: AgentService
    builds: BuildService
    sessions: SessionService
    messages: MessageService
    events: EventService
    pods: PodReader
    host: HostService
    waiter: TurnWaiter
    alive: Callable[[], bool]
    ready: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Ground:
    """What the services stand on."""

    settings: Settings
    tokens: Tokens
    database: DatabaseSessions
    bus: Bus
    cluster: Cluster
    stopping: asyncio.Event

    def stop(self) -> None:
        """Let everyone who waits for something go; called on the event loop."""
        self.stopping.set()
        self.bus.wake_everyone()


def make_services(ground: Ground, alive: Callable[[], bool]) -> Services:
    """Put the services together; ``alive`` says whether what runs beside them still does."""
    database, bus, stopping = ground.database, ground.bus, ground.stopping
    prefix = ground.settings.namespace_prefix
    seconds = ground.settings.token_seconds
    accounts = AccountService(database, Passwords(), ground.tokens, seconds)
    spaces = SpaceService(database, bus)
    pods = PodReader(ground.cluster, prefix)
    host = HostService(database, bus, pods)
    return Services(
        accounts=accounts,
        spaces=spaces,
        agents=AgentService(spaces),
        builds=BuildService(database, spaces, ground.cluster, prefix),
        sessions=SessionService(database, bus),
        messages=MessageService(database, bus),
        events=EventService(database, bus, accounts, stopping),
        pods=pods,
        host=host,
        waiter=TurnWaiter(host, bus, stopping),
        alive=alive,
        ready=partial(check_database, database),
    )


def services(request: Request) -> Services:
    """Return the services of the server that got the request."""
    return cast("Services", request.app.state.services)


# Asynchronous, so that no thread is taken for them.


async def _accounts(request: Request) -> AccountService:
    return services(request).accounts


async def _spaces(request: Request) -> SpaceService:
    return services(request).spaces


async def _agents(request: Request) -> AgentService:
    return services(request).agents


async def _builds(request: Request) -> BuildService:
    return services(request).builds


async def _sessions(request: Request) -> SessionService:
    return services(request).sessions


async def _messages(request: Request) -> MessageService:
    return services(request).messages


async def _events(request: Request) -> EventService:
    return services(request).events


async def _pods(request: Request) -> PodReader:
    return services(request).pods


async def _host(request: Request) -> HostService:
    return services(request).host


async def _waiter(request: Request) -> TurnWaiter:
    return services(request).waiter


async def _alive(request: Request) -> Callable[[], bool]:
    return services(request).alive


async def _ready(request: Request) -> Callable[[], None]:
    return services(request).ready


Accounts = Annotated[AccountService, Depends(_accounts)]
Spaces = Annotated[SpaceService, Depends(_spaces)]
Agents = Annotated[AgentService, Depends(_agents)]
Builds = Annotated[BuildService, Depends(_builds)]
Sessions = Annotated[SessionService, Depends(_sessions)]
Messages = Annotated[MessageService, Depends(_messages)]
Events = Annotated[EventService, Depends(_events)]
Pods = Annotated[PodReader, Depends(_pods)]
Host = Annotated[HostService, Depends(_host)]
Waiter = Annotated[TurnWaiter, Depends(_waiter)]
Alive = Annotated[Callable[[], bool], Depends(_alive)]
Ready = Annotated[Callable[[], None], Depends(_ready)]
