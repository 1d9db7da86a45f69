"""The servers of the component measurements: ``python -m bench.servers replica|bare``.

The replica is a real one but for the mirror, which one replica of all runs, and for its cluster,
which is a stand-in that reviews tokens. The bare server does nothing but wait, and is the baseline.
"""

import asyncio
import sys
from pathlib import Path
from typing import NamedTuple, Self

from kubernetes import client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.neighbours import KEYS, database
from raworc_api.app import create_apps
from raworc_api.cluster import FIELD_MANAGER, ApiCluster
from raworc_api.core.database import connected
from raworc_api.core.logs import configure_logs
from raworc_api.core.security import Keys, Tokens
from raworc_api.core.wake import Bus
from raworc_api.server import Server, carried_hints, serve, server_config, stopped_by_signals
from raworc_api.services import Context, make_services
from raworc_api.settings import Settings
from raworc_kube.client import BRIEF

LOCAL = "127.0.0.1"


class Ports(NamedTuple):
    """Where the servers of a measurement and their neighbours listen."""

    people: int
    hosts: int
    probes: int
    bare: int
    mysql: int
    cluster: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the ports as an argument names them."""
        return cls(*map(int, text.split(",")))

    def render(self) -> str:
        """Write the ports as an argument."""
        return ",".join(map(str, self))


def main(name: str, ports: Ports) -> None:
    """Run one of the servers until it is told to stop."""
    configure_logs()
    run = _run_replica if name == "replica" else _run_bare
    run(ports)


def _run_replica(ports: Ports) -> None:
    settings = database(ports.mysql)
    configuration = client.Configuration(host=f"http://{LOCAL}:{ports.cluster}")
    with connected(settings) as databases:
        context = Context(
            settings=Settings(settings, Path("/nowhere"), Path("/nowhere")),
            tokens=Tokens(Keys(KEYS.copy)),
            databases=databases,
            bus=Bus(),
            cluster=ApiCluster(client.ApiClient(configuration), FIELD_MANAGER, BRIEF),
            stopping=asyncio.Event(),
        )
        services = make_services(context, lambda: True)
        apps = create_apps(services)
        configs = [
            server_config(apps.public, ports.people, LOCAL),
            server_config(apps.hosts, ports.hosts, LOCAL),
            server_config(apps.probes, ports.probes, LOCAL),
        ]
        servers = [Server(config, context.stop) for config in configs]
        running = [services.looks.running, services.leases.running]
        lifespans = [carried_hints(context.bus, None), *running]
        with asyncio.Runner(loop_factory=configs[0].get_loop_factory()) as runner:
            runner.run(serve(servers, [stopped_by_signals(servers), *lifespans]))


def _run_bare(ports: Ports) -> None:
    async def wait(request: Request) -> Response:
        await asyncio.sleep(float(request.query_params["wait"]))
        return Response(status_code=204)

    app = Starlette(routes=[Route("/{path:path}", wait)])
    config = server_config(app, ports.bare, LOCAL)  # type: ignore[arg-type] # uvicorn takes any
    server = Server(config, lambda: None)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(serve([server], [stopped_by_signals([server])]))


if __name__ == "__main__":
    main(sys.argv[1], Ports.parse(sys.argv[2]))
