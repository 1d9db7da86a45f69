"""Passing hints from one replica to another."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from raworc_api.core import problems
from raworc_api.core.peers import PATH, Peer, Peers
from raworc_api.core.security import AUDIENCE, PEERS_AUDIENCE, Keys, Token, Tokens
from raworc_api.core.threads import Threads
from raworc_api.core.wake import Bus, Hint
from raworc_api.peers import router

URL = f"http://peer{PATH}"
TOKENS = Tokens(Keys({"1": "k" * 32}.copy))


@pytest.fixture
async def bus() -> Bus:
    bus = Bus()
    bus.open()
    return bus


@pytest.fixture
async def client(bus: Bus) -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()
    problems.install(app)
    app.state.services = SimpleNamespace(bus=bus, tokens=TOKENS)
    app.state.threads = Threads(1)
    app.include_router(router)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as client:
        yield client


async def test_hints_reach_the_readers_of_a_peer_in_order(
    bus: Bus, client: httpx2.AsyncClient
) -> None:
    peer = Peer(URL, client, TOKENS)
    sent = [Hint(topic="session:one", data={"index": index}) for index in range(250)]
    with bus.read("session:one") as reader:
        for hint in sent:
            peer.send(hint)
        heard: list[Hint] = []
        while len(heard) < len(sent):
            hints = await reader.take(5)
            assert hints
            heard += hints
    peer.close()
    assert heard == sent


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Bearer nonsense",
        f"Basic {TOKENS.issue('raworc-api', 60, 'raworc-peers').text}",
        f"Bearer {TOKENS.issue('admin', 60, AUDIENCE).text}",
        f"Bearer {Tokens(Keys({'1': 'x' * 32}.copy)).issue('raworc-api', 60, 'raworc-peers').text}",
        f"Bearer {TOKENS.issue('raworc-api', -1, 'raworc-peers').text}",
    ],
)
async def test_nobody_else_may_wake(
    bus: Bus, client: httpx2.AsyncClient, authorization: str | None
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    with bus.read("a") as reader:
        answer = await client.post(URL, json={"hints": [{"topic": "a"}]}, headers=headers)
        assert answer.status_code == 401
        assert await reader.take(0.01) == []


async def test_a_peer_that_fails_costs_its_hints_and_nothing_more() -> None:
    answers: Iterator[Exception | httpx2.Response] = iter(
        [httpx2.ConnectError("refused"), httpx2.Response(503), httpx2.Response(204)]
    )
    posted: list[bytes] = []
    done = asyncio.Event()

    def answer(request: httpx2.Request) -> httpx2.Response:
        posted.append(request.content)
        reply = next(answers)
        if len(posted) == 3:
            done.set()
        if isinstance(reply, Exception):
            raise reply
        return reply

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
        peer = Peer(URL, client, TOKENS)
        for count in range(1, 4):
            peer.send(Hint(topic=str(count)))
            await eventually(lambda count=count: len(posted) == count)  # type: ignore[misc] # bound
        await asyncio.wait_for(done.wait(), 5)
        peer.close()
    assert [b'"1"' in posted[0], b'"2"' in posted[1], b'"3"' in posted[2]] == [True] * 3


async def test_a_large_hint_travels_alone() -> None:
    posted: list[int] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        posted.append(request.content.count(b'"topic"'))
        return httpx2.Response(204)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
        peer = Peer(URL, client, TOKENS)
        for size in (10, 300_000, 10, 10):
            peer.send(Hint(topic="a", data={"text": "x" * size}))
        await eventually(lambda: sum(posted) == 4)
        peer.close()
    assert posted == [1, 1, 2]


@pytest.mark.parametrize(("seconds", "signed"), [(60, 1), (20, 3)])
async def test_a_token_is_signed_anew_before_it_ends(
    monkeypatch: pytest.MonkeyPatch, seconds: int, signed: int
) -> None:
    monkeypatch.setattr("raworc_api.core.peers._TOKEN_SECONDS", seconds)
    tokens = CountingTokens(Keys({"1": "k" * 32}.copy))
    posted: list[str] = []

    def take(request: httpx2.Request) -> httpx2.Response:
        bearer = request.headers["Authorization"].removeprefix("Bearer ")
        posted.append(tokens.verify(bearer, PEERS_AUDIENCE).subject)
        return httpx2.Response(204)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(take)) as client:
        peer = Peer(URL, client, tokens)
        for count in range(1, 4):
            peer.send(Hint(topic="a"))
            await eventually(lambda count=count: len(posted) == count)  # type: ignore[misc] # bound
        peer.close()
    assert tokens.signed == signed


class CountingTokens(Tokens):
    """Counts what it signs."""

    signed = 0

    def issue(
        self, subject: str, seconds: int, audience: str = AUDIENCE, *, login_id: str | None = None
    ) -> Token:
        self.signed += 1
        return super().issue(subject, seconds, audience, login_id=login_id)


async def test_peers_are_found_by_name_and_none_of_them_is_oneself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = ["10.0.0.1", "10.0.0.2", "fd00::3"]

    async def getaddrinfo(*_: object, **__: object) -> list[Any]:
        return [(2, 1, 6, "", (address, 8080)) for address in found]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    peers = Peers("raworc-api-peers", 8080, "10.0.0.1", TOKENS)
    await peers.open()
    urls = {peer._url for peer in peers._peers.values()}
    assert urls == {f"http://10.0.0.2:8080{PATH}", f"http://[fd00::3]:8080{PATH}"}
    found.remove("10.0.0.2")
    await peers._look()
    assert set(peers._peers) == {"fd00::3"}
    await peers.close()


async def test_a_name_that_nobody_knows_yet_is_no_fault() -> None:
    peers = Peers("raworc-api-peers.invalid", 8080, "10.0.0.1", TOKENS)
    await peers.open()
    peers.send(Hint(topic="a"))
    await peers.close()


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a bounded wait for what has no event
            await asyncio.sleep(0.001)
