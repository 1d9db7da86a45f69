"""Reads the environment, puts the server together and runs it: ``python -m raworc_api``."""

import asyncio
import os
import time
from datetime import UTC, datetime
from functools import partial

from uvicorn import Config

from raworc_api.app import Apps, create_apps
from raworc_api.cluster import connect
from raworc_api.core.database import connected
from raworc_api.core.logs import configure_logs
from raworc_api.core.peers import Peers
from raworc_api.core.security import Keys, Tokens, read_admin_password, read_keys
from raworc_api.core.wake import Bus
from raworc_api.mirror.mirror import MIRROR_LEASE, Mirror
from raworc_api.server import (
    Server,
    carried_hints,
    ensured_admin,
    renewed_certificate,
    running_mirror,
    serve,
    server_config,
    stopped_by_signals,
)
from raworc_api.services import Context, make_services
from raworc_api.settings import Settings, from_environment
from raworc_kube.lease import Lease
from raworc_kube.objects import LEASE, Key


def main() -> None:
    """Run the server until it is told to stop."""
    configure_logs()
    settings = from_environment(os.environ)
    with connected(settings.database) as databases:
        context = Context(
            settings=settings,
            tokens=Tokens(Keys(partial(read_keys, settings.jwt_keys_dir))),
            databases=databases,
            bus=Bus(),
            cluster=connect(),
            stopping=asyncio.Event(),
        )
        _run(context, read_admin_password(settings.admin_password_file))


def _run(context: Context, admin_password: str) -> None:
    mirror = _mirror(context)
    services = make_services(context, mirror.is_well)
    configs = _configs(context.settings, create_apps(services))
    servers = [Server(config, context.stop) for config in configs]
    lifespans = [
        stopped_by_signals(servers),
        carried_hints(context.bus, _peers(context)),
        ensured_admin(services.authentication, admin_password),
        services.looks.running,
        services.leases.running,
        running_mirror(mirror),
    ]
    if (tls_dir := context.settings.hosts_tls_dir) is not None:
        lifespans.append(renewed_certificate(configs[1], tls_dir))
    with asyncio.Runner(loop_factory=configs[0].get_loop_factory()) as runner:
        runner.run(serve(servers, lifespans))


def _configs(settings: Settings, apps: Apps) -> tuple[Config, Config, Config]:
    return (
        server_config(apps.public, settings.port),
        server_config(apps.hosts, settings.hosts_port, tls_dir=settings.hosts_tls_dir),
        server_config(apps.probes, settings.probes_port),
    )


def _peers(context: Context) -> Peers | None:
    settings = context.settings
    if settings.peers_host is None:
        return None
    return Peers(settings.peers_host, settings.port, settings.pod_ip, context.tokens)


def _mirror(context: Context) -> Mirror:
    settings = context.settings
    key = Key(LEASE, MIRROR_LEASE, settings.namespace)
    lease = Lease(context.cluster, key, settings.pod_name, _now, time.monotonic)
    return Mirror(
        context.cluster, context.databases.mirror, context.bus, lease, settings.namespace_prefix
    )


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
