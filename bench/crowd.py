"""Many who wait: simulated hosts that poll as real ones do, and readers of event streams."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Iterable

from raworc_host.backoff import jitter
from raworc_host.platform_api import POLL_SECONDS

# Who comes while others are let in waits for them.
_AT_ONCE = 20

# One who waits: comes, says so, and stays.
Waiter = Callable[[Callable[[], None]], Awaitable[None]]


class Crowd:
    """Those who wait, each over a connection of its own."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._door = asyncio.Semaphore(_AT_ONCE)

    async def admit(self, waiters: Iterable[Waiter]) -> None:
        """Let all of them in, and return when the last one waits."""
        arrivals = []
        for waiter in waiters:
            await self._door.acquire()
            arrived = asyncio.get_running_loop().create_future()
            self._tasks.add(asyncio.create_task(self._stay(waiter, arrived)))
            arrivals.append(arrived)
        await asyncio.gather(*arrivals)

    def check(self) -> None:
        """Say that everybody still waits, or raise what ended somebody's wait."""
        for task in self._tasks:
            if task.done():
                task.result()
                raise RuntimeError("Somebody was sent away.")

    async def disperse(self) -> None:
        """Let everybody go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _stay(self, waiter: Waiter, arrived: asyncio.Future[None]) -> None:
        def arrive() -> None:
            self._door.release()
            arrived.set_result(None)

        try:
            await waiter(arrive)
        except Exception as error:
            if not arrived.done():
                arrived.set_exception(error)
            raise


def host(port: int, token: str, path: str) -> Waiter:
    """Be a host that claims its session and polls for its messages, as ``raworc_host`` does."""

    async def poll(arrive: Callable[[], None]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if path:
            await _ask(reader, writer, f"POST {path}/claim", token, b"{}")
        arrive()
        while True:
            # Those that came together in the beginning are spread as they are in the end.
            wait = round(POLL_SECONDS * (1 + jitter()) / 2, 2)
            await _ask(reader, writer, f"GET {path}/messages/next?wait={wait}", token)

    return poll


def reader(port: int, token: str, path: str) -> Waiter:
    """Be a reader of an event stream."""

    async def follow(arrive: Callable[[], None]) -> None:
        incoming, writer = await asyncio.open_connection("127.0.0.1", port)
        _send(writer, f"GET {path}", token)
        await incoming.readuntil(b"\r\n\r\n")
        # The first event is the session as it is.
        await incoming.readuntil(b"event: session")
        arrive()
        while await incoming.read(4096):
            pass

    return follow


async def _ask(
    incoming: StreamReader, writer: StreamWriter, request: str, token: str, body: bytes = b""
) -> None:
    _send(writer, request, token, body)
    head = (await incoming.readuntil(b"\r\n\r\n")).decode().lower()
    if not head.startswith("http/1.1 2"):
        raise RuntimeError(f"{request}: {head.splitlines()[0]}")
    _, _, length = head.partition("content-length: ")
    if length:
        await incoming.readexactly(int(length.partition("\r")[0]))


def _send(writer: StreamWriter, request: str, token: str, body: bytes = b"") -> None:
    lines = [f"{request} HTTP/1.1", "Host: bench", f"Authorization: Bearer {token}"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
