"""Reads the environment, puts the server together and runs it: ``python -m raworc_api``."""

import asyncio
import os
import time
from datetime import UTC, datetime

from raworc_api.app import create_app
from raworc_api.cluster import connect
from raworc_api.core.database import database_engine, open_database
from raworc_api.core.logs import configure_logs
from raworc_api.core.peers import Peers
from raworc_api.core.security import Tokens, read_admin_password, read_keys
from raworc_api.core.wake import Bus
from raworc_api.mirror.mirror import MIRROR_LEASE, Mirror
from raworc_api.server import (
    Server,
    carried_hints,
    ensured_admin,
    running_mirror,
    server_config,
)
from raworc_api.services import Context, make_services
from raworc_api.settings import from_environment
from raworc_kube.lease import Lease
from raworc_kube.objects import LEASE, Key


def main() -> None:
    """Run the server until it is told to stop."""
    configure_logs()
    settings = from_environment(os.environ)
    engine = database_engine(settings.database)
    try:
        context = Context(
            settings=settings,
            tokens=Tokens(read_keys(settings.jwt_keys_dir)),
            database=open_database(engine),
            bus=Bus(),
            cluster=connect(),
            stopping=asyncio.Event(),
        )
        _serve(context, read_admin_password(settings.admin_password_file))
    finally:
        engine.dispose()


def _serve(context: Context, admin_password: str) -> None:
    mirror = _mirror(context)
    services = make_services(context, mirror.is_alive)
    app = create_app(
        context,
        services,
        lifespans=(
            carried_hints(context.bus, _peers(context)),
            ensured_admin(services.accounts, admin_password),
            running_mirror(mirror),
        ),
    )
    Server(server_config(app, context.settings.port), context.stop).run()


def _peers(context: Context) -> Peers | None:
    settings = context.settings
    if settings.peers_host is None:
        return None
    return Peers(settings.peers_host, settings.port, settings.pod_ip, context.tokens)


def _mirror(context: Context) -> Mirror:
    settings = context.settings
    key = Key(LEASE, MIRROR_LEASE, settings.namespace)
    lease = Lease(context.cluster, key, settings.pod_name, _now, time.monotonic)
    return Mirror(context.cluster, context.database, context.bus, lease, settings.namespace_prefix)


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
