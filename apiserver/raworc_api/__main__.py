"""Reads the environment, puts the server together and runs it: ``python -m raworc_api``."""

import asyncio
import os
import time
from datetime import UTC, datetime

from raworc_api.app import create_app
from raworc_api.database import database_engine, database_sessions
from raworc_api.kubernetes_cluster import connect
from raworc_api.logs import configure_logs
from raworc_api.mirror.lease import Lease
from raworc_api.mirror.mirror import Mirror
from raworc_api.peers import Peers
from raworc_api.security import Tokens, read_admin_password, read_keys
from raworc_api.server import (
    Server,
    carried_hints,
    ensured_admin,
    running_mirror,
    server_config,
)
from raworc_api.services import Ground, make_services
from raworc_api.settings import from_environment
from raworc_api.wake import Bus


def main() -> None:
    """Run the server until it is told to stop."""
    configure_logs()
    settings = from_environment(os.environ)
    engine = database_engine(settings.database)
    try:
        ground = Ground(
            settings=settings,
            tokens=Tokens(read_keys(settings.jwt_keys_dir)),
            database=database_sessions(engine),
            bus=Bus(),
            cluster=connect(),
            stopping=asyncio.Event(),
        )
        _serve(ground, read_admin_password(settings.admin_password_file))
    finally:
        engine.dispose()


def _serve(ground: Ground, admin_password: str) -> None:
    mirror = _mirror(ground)
    services = make_services(ground, mirror.is_alive)
    app = create_app(
        ground,
        services,
        beside=(
            carried_hints(ground.bus, _peers(ground)),
            ensured_admin(services.accounts, admin_password),
            running_mirror(mirror),
        ),
    )
    Server(server_config(app, ground.settings.port), ground.stop).run()


def _peers(ground: Ground) -> Peers | None:
    settings = ground.settings
    if settings.peers_host is None:
        return None
    return Peers(settings.peers_host, settings.port, settings.pod_ip, ground.tokens)


def _mirror(ground: Ground) -> Mirror:
    settings = ground.settings
    lease = Lease(ground.cluster, settings.namespace, settings.pod_name, _now, time.monotonic)
    return Mirror(ground.cluster, ground.database, ground.bus, lease, settings.namespace_prefix)


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
