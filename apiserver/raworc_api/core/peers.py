"""The other replicas: finding them, and passing hints to them."""

import asyncio
import logging
from collections import deque
from datetime import UTC, datetime, timedelta
from socket import SOCK_STREAM, gaierror

import httpx2
from pydantic import BaseModel, Field

from raworc_api.core.security import PEERS_AUDIENCE, Token, Tokens
from raworc_api.core.wake import Hint

PATH = "/internal/wake"
_SUBJECT = "raworc-api"
_TOKEN_SECONDS = 60
_TOKEN_MARGIN = timedelta(seconds=30)
_LOOK_SECONDS = 2.0
_POST_SECONDS = 1.0
_QUEUED_HINTS = 1000
# A batch stays far below the limit of a request's body, unless one hint alone is large.
_BATCH_HINTS = 100
_BATCH_CHARACTERS = 256 * 1024

logger = logging.getLogger(__name__)


class Hints(BaseModel):
    """What one replica tells another at once."""

    hints: list[Hint] = Field(max_length=_BATCH_HINTS)


class Peer:
    """One other replica: its hints are posted one batch after the other, so they keep order."""

    def __init__(self, url: str, client: httpx2.AsyncClient, tokens: Tokens) -> None:
        self._url = url
        self._client = client
        self._tokens = tokens
        self._hints: deque[Hint] = deque(maxlen=_QUEUED_HINTS)
        self._ready = asyncio.Event()
        self._token: Token | None = None
        self._task = asyncio.create_task(self._post_for_ever())

    def send(self, hint: Hint) -> None:
        """Queue a hint; when the peer is far behind, the oldest are lost."""
        self._hints.append(hint)
        self._ready.set()

    def close(self) -> None:
        """Stop posting."""
        self._task.cancel()

    async def _post_for_ever(self) -> None:
        while True:
            await self._ready.wait()
            while self._hints:
                await self._post(self._batch())
            self._ready.clear()

    def _batch(self) -> Hints:
        hints = [self._hints.popleft()]
        size = len(str(hints[0].data))
        while self._hints and len(hints) < _BATCH_HINTS:
            size += len(str(self._hints[0].data))
            if size > _BATCH_CHARACTERS:
                break
            hints.append(self._hints.popleft())
        return Hints(hints=hints)

    async def _post(self, hints: Hints) -> None:
        headers = {"Authorization": f"Bearer {self._bearer()}", "Content-Type": "application/json"}
        try:
            answer = await self._client.post(
                self._url, content=hints.model_dump_json(), headers=headers
            )
            answer.raise_for_status()
        except httpx2.HTTPError as error:
            logger.debug("%s did not take %d hints: %r", self._url, len(hints.hints), error)

    def _bearer(self) -> str:
        # Signed now and then only, as each hint has somebody waiting for it.
        if self._token is None or self._token.expires_at < datetime.now(UTC) + _TOKEN_MARGIN:
            self._token = self._tokens.issue(_SUBJECT, _TOKEN_SECONDS, PEERS_AUDIENCE)
        return self._token.text


class Peers:
    """The other replicas, as the headless Service names them; it is asked every two seconds."""

    def __init__(self, host: str, port: int, own_ip: str, tokens: Tokens) -> None:
        self._host = host
        self._port = port
        self._own_ip = own_ip
        self._tokens = tokens
        self._client = httpx2.AsyncClient(timeout=_POST_SECONDS, trust_env=False)
        self._peers: dict[str, Peer] = {}
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Find the other replicas, and keep looking."""
        await self._look()
        self._task = asyncio.create_task(self._look_for_ever())

    async def close(self) -> None:
        """Stop looking and posting."""
        if self._task is not None:
            self._task.cancel()
        self._keep(set())
        await self._client.aclose()

    def send(self, hint: Hint) -> None:
        """Pass one hint to every peer."""
        for peer in self._peers.values():
            peer.send(hint)

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self._look()

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._host, self._port, type=SOCK_STREAM)
        except gaierror as error:
            # Nobody may be there yet; and who was there a moment ago likely still is.
            logger.debug("'%s' has no peers: %s", self._host, error)
            return
        self._keep({str(address[0]) for *_, address in found} - {self._own_ip})

    def _keep(self, addresses: set[str]) -> None:
        for address in self._peers.keys() - addresses:
            self._peers.pop(address).close()
        for address in addresses - self._peers.keys():
            self._peers[address] = Peer(self._url(address), self._client, self._tokens)

    def _url(self, address: str) -> str:
        host = f"[{address}]" if ":" in address else address
        return f"http://{host}:{self._port}{PATH}"
