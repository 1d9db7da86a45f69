"""Two replicas of the real server on a real MySQL, and everyone who speaks to them.

Each replica listens on a port of its own and has a bus of its own; hints go over HTTP.
"""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
from sqlalchemy import Engine
from tests.support.memory_cluster import MemoryCluster

from raworc_api.accounts.tables import Account, RoleBinding
from raworc_api.app import create_apps
from raworc_api.cluster import Cluster, PodIdentity
from raworc_api.core.database import Database, Databases, open_database
from raworc_api.core.peers import PATH, Peer
from raworc_api.core.security import Keys, Tokens
from raworc_api.core.wake import Bus, Hint
from raworc_api.server import Lifespan, Server, serve, server_config, stop_all
from raworc_api.services import Context, Services, make_services
from raworc_api.settings import DatabaseSettings, Settings
from raworc_crds.names import SESSION_ACCOUNT

KEYS = {"1": "k" * 32}
SPACE = "team"
ECHO = {"name": "echo", "repo": "https://example.com/agents.git"}
_SECONDS = 15


class Replica:
    """One server, in a thread of its own, with its three ports."""

    def __init__(self, database: Database, cluster: Cluster) -> None:
        self.sockets = [_listening() for _ in range(3)]
        self.url, self.hosts_url, self.probes_url = map(_url, self.sockets)
        self.bus = Bus()
        self.is_alive = True
        self.tokens = Tokens(Keys(KEYS.copy))
        databases = Databases(database, database, database, database)
        nowhere = DatabaseSettings("nowhere", 1, "n", "u", "p")
        settings = Settings(nowhere, Path("/nowhere"), Path("/nowhere"))
        self.context = Context(settings, self.tokens, databases, self.bus, cluster, asyncio.Event())
        self.services: Services = make_services(self.context, lambda: self.is_alive)

    def prepare(self, others: Sequence["Replica"]) -> None:
        """Make the application; FastAPI sets aside warnings for that, which no thread may see."""
        apps = create_apps(self.services)
        self._servers = [
            Server(server_config(app, 0), self.context.stop)
            for app in (apps.public, apps.hosts, apps.probes)
        ]
        self._lifespans = [self._linked(others), self.services.looks.running]

    def start(self) -> None:
        """Serve until it is stopped."""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> bool:
        """Stop as after SIGTERM; say whether it did within its time."""
        stop_all(self._servers)
        self._thread.join(_SECONDS)
        return not self._thread.is_alive()

    def _run(self) -> None:
        asyncio.run(serve(self._servers, self._lifespans, self.sockets))

    def _linked(self, others: Sequence["Replica"]) -> Lifespan:
        @asynccontextmanager
        async def linked() -> AsyncIterator[None]:
            async with httpx2.AsyncClient(trust_env=False) as client:
                peers = [Peer(other.url + PATH, client, self.tokens) for other in others]
                self.bus.open(_Fan(peers))
                yield
                self.bus.close()
                for peer in peers:
                    peer.close()

        return linked


@dataclass(frozen=True)
class _Fan:
    peers: list[Peer]

    def send(self, hint: Hint) -> None:
        for peer in self.peers:
            peer.send(hint)


@contextmanager
def running_replicas(engine: Engine, cluster: Cluster, count: int) -> Iterator[list[Replica]]:
    """Run replicas that know one another."""
    database = open_database(engine)
    replicas = [Replica(database, cluster) for _ in range(count)]
    for replica in replicas:
        replica.prepare([other for other in replicas if other is not replica])
    for replica in replicas:
        replica.start()
    try:
        yield replicas
    finally:
        stopped = [replica.stop() for replica in replicas]
    assert all(stopped)


def _listening() -> socket.socket:
    # Listening from now on, so that a request waits for the server instead of being refused.
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen(128)
    return made


def _url(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


@dataclass
class ApiBed:
    """The replicas, with accounts, a space and hosts as a test wants them."""

    replicas: list[Replica]
    database: Database
    cluster: MemoryCluster
    clients: list[httpx2.Client] = field(default_factory=list)

    def account(self, name: str, role: str | None = "user", space: str | None = None) -> None:
        """Make an account, with a role if it shall have one."""
        with self.database() as db:
            db.add(Account(name=name, password_hash="!", created_at=datetime.now(UTC)))
            if role is not None:
                db.add(RoleBinding(principal=name, role=role, space=space))
            db.commit()

    def client(self, name: str, replica: int = 0) -> httpx2.Client:
        """Speak to a replica as somebody who is logged in."""
        token = self.replicas[replica].tokens.issue(name, 300).text
        return self.bearing(token, replica)

    def bearing(self, token: str | None, replica: int = 0) -> httpx2.Client:
        """Speak to a replica with a token, or without one."""
        return self._client(self.replicas[replica].url, token)

    def hosting(self, token: str | None, replica: int = 0) -> httpx2.Client:
        """Speak to the hosts' port of a replica with a token, or without one."""
        return self._client(self.replicas[replica].hosts_url, token)

    def _client(self, url: str, token: str | None) -> httpx2.Client:
        client = httpx2.Client(
            base_url=f"{url}/api/v0",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=_SECONDS,
            trust_env=False,
        )
        self.clients.append(client)
        return client

    def space(self, name: str = SPACE, **spec: object) -> None:
        """Make a space with the agent ``echo``."""
        made = self.client("admin").post("/spaces", json={"name": name, "agents": [ECHO], **spec})
        assert made.status_code == 201, made.text

    def session(self, client: httpx2.Client, **body: object) -> str:
        """Create a session."""
        made = client.post("/sessions", json={"space": SPACE, **body})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    def pod(self, name: str, replica: int = 0) -> "HostClient":
        """Start a new pod of a session, in the place of its older one."""
        uid, token = str(uuid4()), str(uuid4())
        namespace = f"raworc-{SPACE}"
        self.cluster.tokens[token] = PodIdentity(namespace, SESSION_ACCOUNT, name, uid)
        self.cluster.pods[namespace, name] = uid
        return HostClient(self.hosting(token, replica), uid)

    def host(self, name: str, replica: int = 0) -> "HostClient":
        """Start a pod of a session, and let it claim the session."""
        host = self.pod(name, replica)
        claimed = host.claim()
        assert claimed.status_code == 200, claimed.text
        return host

    def close(self) -> None:
        """Close every connection."""
        for client in self.clients:
            client.close()


@dataclass(frozen=True)
class HostClient:
    """The host's side of the protocol."""

    http: httpx2.Client
    uid: str

    def claim(self) -> httpx2.Response:
        return self.http.post("/host/claim", json={})

    def poll(self, wait: float = 0) -> httpx2.Response:
        return self.http.get("/host/messages/next", params={"wait": wait})

    def take(self, wait: float = 10) -> dict[str, Any]:
        """Take the next turn; there must be one."""
        response = self.poll(wait)
        assert response.status_code == 200, response.text
        turn: dict[str, Any] = response.json()
        return turn

    def answer(
        self, message: dict[str, Any], content: str = "yes", **more: object
    ) -> httpx2.Response:
        """Answer the message of a turn."""
        body = {"status": "answered", "content": content, "metadata": {}, **more}
        who = {"message_id": message["id"], "attempt": message["attempt"]}
        return self.http.post("/host/answers", json={**who, **body})

    def fail(self, message: dict[str, Any], reason: str, text: str) -> httpx2.Response:
        """Say why the message of a turn has no answer."""
        return self.answer(message, text, status="failed", reason=reason)

    def piece(self, message: dict[str, Any], index: int, text: str) -> httpx2.Response:
        """Pass a piece of an answer."""
        who = {"message_id": message["id"], "attempt": message["attempt"]}
        return self.http.post("/host/pieces", json={**who, "index": index, "text": text})

    def heartbeat(self, message: dict[str, Any], wait: float = 0) -> httpx2.Response:
        """Say that the turn goes on, and wait for news of it."""
        turn = {"message_id": message["id"], "attempt": message["attempt"], "state": "busy"}
        return self.http.post("/host/heartbeat", params={"wait": wait}, json=turn)

    def release(self) -> httpx2.Response:
        return self.http.post("/host/release", json={})


def say(client: httpx2.Client, session_id: str, content: str, **more: object) -> dict[str, Any]:
    """Send a message."""
    sent = client.post(f"/sessions/{session_id}/messages", json={"content": content, **more})
    assert sent.status_code == 201, sent.text
    message: dict[str, Any] = sent.json()
    return message


def messages(client: httpx2.Client, session_id: str, **query: str | int) -> list[dict[str, Any]]:
    """List messages, all pages of them."""
    page = client.get(f"/sessions/{session_id}/messages", params=query)
    rows: list[dict[str, Any]] = page.json()
    while following := page.links.get("next", {}).get("url"):
        page = client.get(str(client.base_url.copy_with(path="/")).rstrip("/") + following)
        rows += page.json()
    return rows


def refusal(response: httpx2.Response, status: int) -> dict[str, Any]:
    """Check that a request was refused as a problem, and return the problem."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["error"]["message"] == problem["detail"]
    assert "Traceback" not in response.text
    return problem
