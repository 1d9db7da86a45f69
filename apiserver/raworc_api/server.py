"""The running server: one event loop, a port for each kind of caller, and a prompt stop.

People, hosts and the kubelet each have a port. All are served by one loop, as they share the hints;
what blocks runs in pools of threads (``core.threads``), so the loop is always free for a probe.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from pathlib import Path
from signal import SIGINT, SIGTERM
from socket import IPPROTO_TCP, TCP_USER_TIMEOUT, socket

import uvicorn
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from tenacity import before_sleep_log, retry, retry_if_exception_type, stop_after_delay, wait_fixed

from raworc_api.accounts.authentication import Authentication
from raworc_api.core.database import UNAVAILABLE
from raworc_api.core.peers import Peers
from raworc_api.core.wake import Bus
from raworc_api.mirror.mirror import Mirror

_DRAIN_SECONDS = 10
_UNTAKEN_MILLISECONDS = 60_000
# Longer than what proxies keep an idle connection for, so that they are the ones to close it.
_KEEP_ALIVE_SECONDS = 75
_DATABASE_SECONDS = 60
_CERTIFICATE_SECONDS = 10.0

# Something that runs as long as the server does.
Lifespan = Callable[[], AbstractAsyncContextManager[None]]

logger = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """Serves one port; ends long polls and event streams as soon as it is told to stop."""

    def __init__(self, config: uvicorn.Config, stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop = stop

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Let everyone who waits go, then stop as uvicorn does."""
        self._stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to who runs all the servers."""
        yield


def server_config(
    app: FastAPI,
    port: int,
    host: str = "0.0.0.0",  # noqa: S104 - a pod's own address
    tls_dir: Path | None = None,
) -> uvicorn.Config:
    """Say how uvicorn serves an application; ``tls_dir`` holds tls.crt and tls.key."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        server_header=False,
        lifespan="off",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        ssl_certfile=None if tls_dir is None else tls_dir / "tls.crt",
        ssl_keyfile=None if tls_dir is None else tls_dir / "tls.key",
    )


async def serve(
    servers: Sequence[Server],
    lifespans: Sequence[Lifespan],
    sockets: Sequence[socket] | None = None,
) -> None:
    """Serve until all are told to stop; what runs beside them is opened first, in order."""
    given = sockets or [_listening(server.config) for server in servers]
    async with AsyncExitStack() as stack:
        for open_one in lifespans:
            await stack.enter_async_context(open_one())
        await asyncio.gather(
            *(server.serve([one]) for server, one in zip(servers, given, strict=True))
        )


def _listening(config: uvicorn.Config) -> socket:
    made = config.bind_socket()
    # Connections inherit it: the kernel gives up what the other end does not take for so long. A
    # connection that is closed here would otherwise wait for ever to hand over what is left.
    made.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, _UNTAKEN_MILLISECONDS)
    return made


def stop_all(servers: Sequence[Server]) -> None:
    """Tell all servers to stop; may be called from any thread."""
    for server in servers:
        server.should_exit = True


def stopped_by_signals(servers: Sequence[Server]) -> Lifespan:
    """Stop all servers at SIGTERM and SIGINT."""

    @asynccontextmanager
    async def stopped() -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        for signal in (SIGTERM, SIGINT):
            loop.add_signal_handler(signal, stop_all, servers)
        yield

    return stopped


def renewed_certificate(config: uvicorn.Config, tls_dir: Path) -> Lifespan:
    """Serve with a renewed certificate from the next connection on."""

    def mark() -> tuple[int, int]:
        return (tls_dir / "tls.crt").stat().st_mtime_ns, (tls_dir / "tls.key").stat().st_mtime_ns

    def renew(before: tuple[int, int]) -> tuple[int, int]:
        try:
            if (now := mark()) == before or config.ssl is None:
                return before
            config.ssl.load_cert_chain(tls_dir / "tls.crt", tls_dir / "tls.key")
        except (OSError, ssl.SSLError) as error:
            logger.warning("The renewed certificate of the hosts' port is unusable: %s", error)
            return before
        logger.info("The hosts' port has a renewed certificate.")
        return now

    async def renew_for_ever() -> None:
        known = mark()
        while True:
            await asyncio.sleep(_CERTIFICATE_SECONDS)
            known = renew(known)

    @asynccontextmanager
    async def renewed() -> AsyncIterator[None]:
        task = asyncio.create_task(renew_for_ever())
        yield
        task.cancel()

    return renewed


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


def ensured_admin(authentication: Authentication, password: str) -> Lifespan:
    """See to the first administrator, as soon as the database answers."""

    @retry(
        retry=retry_if_exception_type(UNAVAILABLE),
        stop=stop_after_delay(_DATABASE_SECONDS),
        wait=wait_fixed(1),
        before_sleep=before_sleep_log(logger, logging.INFO),
        reraise=True,
    )
    def ensure() -> None:
        authentication.ensure_admin(password)

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
