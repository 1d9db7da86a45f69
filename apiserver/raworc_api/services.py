"""All services of one server, and how a route gets the one it needs."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, cast

from fastapi import Depends, Request

from raworc_api.accounts.service import AccountService
from raworc_api.agents.service import AgentService
from raworc_api.builds.service import BuildService
from raworc_api.cluster import Cluster
from raworc_api.core.database import Database, check_database
from raworc_api.core.security import Passwords, Tokens
from raworc_api.core.wake import Bus
from raworc_api.host.pods import PodReader
from raworc_api.host.service import HostService
from raworc_api.host.waiting import TurnWaiter
from raworc_api.messages.events import EventService
from raworc_api.messages.service import MessageService
from raworc_api.sessions.service import SessionService
from raworc_api.settings import Settings
from raworc_api.spaces.service import SpaceService


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
class Context:
    """What the services stand on."""

    settings: Settings
    tokens: Tokens
    database: Database
    bus: Bus
    cluster: Cluster
    stopping: asyncio.Event

    def stop(self) -> None:
        """Let everyone who waits for something go; called on the event loop."""
        self.stopping.set()
        self.bus.wake_everyone()


def make_services(context: Context, alive: Callable[[], bool]) -> Services:
    """Put the services together; ``alive`` says whether what runs beside them still does."""
    database, bus, stopping = context.database, context.bus, context.stopping
    prefix = context.settings.namespace_prefix
    seconds = context.settings.token_seconds
    accounts = AccountService(database, Passwords(), context.tokens, seconds)
    spaces = SpaceService(database, bus)
    pods = PodReader(context.cluster, prefix)
    host = HostService(database, bus, pods)
    return Services(
        accounts=accounts,
        spaces=spaces,
        agents=AgentService(spaces),
        builds=BuildService(database, spaces, context.cluster, prefix),
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


def _service(name: str) -> Any:  # noqa: ANN401 - what FastAPI takes as a dependency
    # Asynchronous, so that no thread is taken for it.
    async def get(request: Request) -> Any:  # noqa: ANN401 - `Services` knows the type
        return getattr(services(request), name)

    return Depends(get)


Accounts = Annotated[AccountService, _service("accounts")]
Spaces = Annotated[SpaceService, _service("spaces")]
Agents = Annotated[AgentService, _service("agents")]
Builds = Annotated[BuildService, _service("builds")]
Sessions = Annotated[SessionService, _service("sessions")]
Messages = Annotated[MessageService, _service("messages")]
Events = Annotated[EventService, _service("events")]
Pods = Annotated[PodReader, _service("pods")]
Host = Annotated[HostService, _service("host")]
Waiter = Annotated[TurnWaiter, _service("waiter")]
Alive = Annotated[Callable[[], bool], _service("alive")]
Ready = Annotated[Callable[[], None], _service("ready")]
