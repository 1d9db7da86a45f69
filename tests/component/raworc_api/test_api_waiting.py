"""Hosts and readers that wait: what they get, and that nobody asks the database for them."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx2
import pytest
from sqlalchemy import Engine
from tests.support.api_bed import SPACE, ApiBed, Replica, say
from tests.support.statements import Statements, counted

from raworc_api.cluster import PodIdentity
from raworc_api.core.wake import SESSION
from raworc_api.sessions.tables import SessionRecord
from raworc_crds.names import SESSION_ACCOUNT

CROWD = 200
NEXT = "/api/v0/host/messages/next"


def wait_in(replica: Replica, count: int) -> bool:
    """Say whether so many wait for sessions in a replica, and have seen what there is."""
    readers = [
        reader
        for topic, waiting in list(replica.bus._readers.items())
        for reader in waiting
        if topic.startswith(SESSION) and topic in reader.seen
    ]
    return len(readers) == count


def await_waiting(replica: Replica, count: int) -> None:
    deadline = time.monotonic() + 20
    while not wait_in(replica, count):
        assert time.monotonic() < deadline, replica.bus.waited_for(SESSION)
        time.sleep(0.01)


def await_looks(statements: Statements, count: int) -> None:
    """Wait until the replicas have looked so often, and ended the look before."""
    statements.wait_for(lambda asked: len(asked.with_text("SELECT 1")) > count)


def test_who_waits_asks_the_database_nothing(bed: ApiBed, engine: Engine) -> None:
    ann = bed.client("ann")
    sessions = [bed.session(ann, name=f"s{number}") for number in range(8)]
    hosts = [bed.host(f"s{number}") for number in range(8)]
    for host in hosts:
        host.http.timeout = 50
    say(ann, sessions[0], "long")
    turn = hosts[0].take()["message"]
    with ThreadPoolExecutor(8) as pool, ann.stream("GET", f"/sessions/{sessions[0]}/events"):
        polls = [pool.submit(host.poll, 40) for host in hosts[1:]]
        heartbeat = pool.submit(hosts[0].heartbeat, turn, 40)
        await_waiting(bed.replicas[0], 9)
        with counted(engine) as statements:
            await_looks(statements, 4)
        asked = statements.with_text("sessions")
        for session in sessions[1:]:
            say(ann, session, "hello")
        ann.post(f"/sessions/{sessions[0]}/messages/{turn['id']}/cancel")
        assert [poll.result().status_code for poll in polls] == [200] * 7
        assert heartbeat.result().json() == {"cancel": True}
    # Two looks of two replicas, however many wait.
    assert len(asked) <= 5, asked


@pytest.fixture
def crowd(bed: ApiBed) -> dict[str, str]:
    """Have many sessions, and return the tokens of their pods."""
    now, names = datetime.now(UTC), [f"s{number}" for number in range(CROWD)]
    with bed.database() as db:
        db.add_all(
            SessionRecord(
                id=name,
                space=SPACE,
                name=name,
                spec={"space": SPACE},
                created_by="ann",
                created_at=now,
                last_activity_at=now,
            )
            for name in names
        )
        db.commit()
    for name in names:
        identity = PodIdentity(f"raworc-{SPACE}", SESSION_ACCOUNT, name, f"pod-{name}")
        bed.cluster.tokens[f"token-{name}"] = identity
        bed.cluster.pods[f"raworc-{SPACE}", name] = f"pod-{name}"
    return {name: f"token-{name}" for name in names}


class Hosts:
    """Many hosts of one replica, each with a request of its own."""

    def __init__(self, client: httpx2.AsyncClient, tokens: dict[str, str]) -> None:
        self._client = client
        self._tokens = tokens

    async def claim(self) -> None:
        for answer in await self._all("POST", "/api/v0/host/claim", json={}):
            assert answer.status_code == 200, answer.text

    async def poll(self, seconds: float) -> Sequence[httpx2.Response]:
        return await self._all("GET", NEXT, params={"wait": seconds})

    async def take(self) -> Sequence[httpx2.Response]:
        """Poll until each host has a message."""
        return await asyncio.gather(*map(self._take, self._tokens.values()))

    async def _take(self, token: str) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {token}"}
        while True:
            answer = await self._client.get(NEXT, params={"wait": 40}, headers=headers)
            if answer.status_code != 204:
                return answer

    async def _all(self, method: str, path: str, **more: object) -> Sequence[httpx2.Response]:
        return await asyncio.gather(
            *(
                self._client.request(
                    method,
                    path,
                    headers={"Authorization": f"Bearer {token}"},
                    **more,  # type: ignore[arg-type] # of the client
                )
                for token in self._tokens.values()
            )
        )


@asynccontextmanager
async def hosts_of(replica: Replica, tokens: dict[str, str]) -> AsyncIterator[Hosts]:
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx2.AsyncClient(
        base_url=replica.hosts_url, timeout=50, limits=limits, trust_env=False
    ) as client:
        yield Hosts(client, tokens)


async def test_two_hundred_hosts_wait_at_one_replica_and_get_their_messages(
    bed: ApiBed, crowd: dict[str, str], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The slowest of them is waited for between their polls.
    monkeypatch.setattr("raworc_api.host.waiting._VAIN_SECONDS", 60)
    replica, ann = bed.replicas[0], bed.client("ann")
    async with hosts_of(replica, crowd) as hosts:
        await hosts.claim()
        vain = await hosts.poll(0.5)
        assert {answer.status_code for answer in vain} == {204}
        with counted(engine) as statements:
            polling = asyncio.create_task(hosts.take())
            await asyncio.to_thread(await_waiting, replica, CROWD)
            await asyncio.to_thread(await_looks, statements, 4)
        looks = statements.with_text("SELECT sessions.id, sessions.revision", "IN")
        others = set(statements.texts) - set(looks) - {"SELECT 1"}
        # Neither the wait nor a poll that follows a vain one asks for a single host.
        assert not others
        assert len(looks) <= 3
        for name in crowd:
            await asyncio.to_thread(say, ann, name, f"for {name}")
        answers = await asyncio.wait_for(polling, 50)
    contents = [answer.json()["message"]["content"] for answer in answers]
    assert contents == [f"for {name}" for name in crowd]


async def test_what_came_between_two_polls_is_told_by_the_next_look(
    bed: ApiBed, crowd: dict[str, str]
) -> None:
    ann, name = bed.client("ann"), next(iter(crowd))
    async with hosts_of(bed.replicas[0], {name: crowd[name]}) as hosts:
        await hosts.claim()
        (vain,) = await hosts.poll(0.1)
        assert vain.status_code == 204
        await asyncio.to_thread(say, ann, name, "hello")
        begun = time.monotonic()
        (answer,) = await hosts.poll(20)
        assert answer.json()["message"]["content"] == "hello"
        assert time.monotonic() - begun < 4


async def test_a_host_that_lost_its_session_between_two_polls_is_fenced_off(
    bed: ApiBed, crowd: dict[str, str]
) -> None:
    name = next(iter(crowd))
    async with hosts_of(bed.replicas[0], {name: crowd[name]}) as hosts:
        await hosts.claim()
        await hosts.poll(0.1)
        second = await asyncio.to_thread(bed.host, name)
        assert second.uid
        (refused,) = await hosts.poll(20)
        assert refused.status_code == 409
        assert refused.json()["type"].endswith("/fenced")
