"""The running server: what stands beside the application, and a stop that keeps nobody waiting."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from socket import socket

import uvicorn
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from tenacity import before_sleep_log, retry, retry_if_exception_type, stop_after_delay, wait_fixed

from raworc_api.accounts.service import AccountService
from raworc_api.app import Lifespan
from raworc_api.core.database import UNAVAILABLE
from raworc_api.core.peers import Peers
from raworc_api.core.wake import Bus
from raworc_api.mirror.mirror import Mirror

_DRAIN_SECONDS = 10
# Longer than what proxies keep an idle connection for, so that they are the ones to close it.
_KEEP_ALIVE_SECONDS = 75
_DATABASE_SECONDS = 60

logger = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """Ends long polls and event streams as soon as it is told to stop."""

    def __init__(self, config: uvicorn.Config, stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop = stop

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Let everyone who waits go, then stop as uvicorn does."""
        self._stop()
        await super().shutdown(sockets)


def server_config(app: FastAPI, port: int, host: str = "0.0.0.0") -> uvicorn.Config:  # noqa: S104 - a pod's own address
    """Say how uvicorn serves the application."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )


def carried_hints(bus: Bus, peers: Peers | None) -> Lifespan:
    """Carry hints within the process and, where there are peers, to them."""

    @asynccontextmanager
    async def carried() -> AsyncIterator[None]:
        bus.open(peers)
        if peers is not None:
            await peers.open()
        yield
        bus.close()
        if peers is not None:
            await peers.close()

    return carried


def ensured_admin(accounts: AccountService, password: str) -> Lifespan:
    """See to the first administrator, as soon as the database answers."""

    @retry(
        retry=retry_if_exception_type(UNAVAILABLE),
        stop=stop_after_delay(_DATABASE_SECONDS),
        wait=wait_fixed(1),
        before_sleep=before_sleep_log(logger, logging.INFO),
        reraise=True,
    )
    def ensure() -> None:
        accounts.ensure_admin(password)

    @asynccontextmanager
    async def ensured() -> AsyncIterator[None]:
        await run_in_threadpool(ensure)
        yield

    return ensured


def running_mirror(mirror: Mirror) -> Lifespan:
    """Run the mirror, or stand by for it, as long as the application runs."""

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        mirror.start()
        yield
        await run_in_threadpool(mirror.stop)

    return running
