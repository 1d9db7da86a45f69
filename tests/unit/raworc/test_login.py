"""A login renews itself, once, for all who share it."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx2
import pytest

from raworc.client import Client
from raworc.credentials import Credentials, CredentialsKeeper, read_credentials, store_credentials
from raworc.errors import LoginRequiredError, RefusedError
from raworc.login import Login
from raworc.records import Token

from .conftest import FakeApi

URL = "http://api.test/below"
EXPIRED = httpx2.Response(401, json={"title": "Log in first", "detail": "It has expired."})
VERSION = httpx2.Response(200, json={"version": "0.1.0"})


def tokens(number: int) -> Token:
    return Token(token=f"a{number}", refresh_token=f"r{number}")


class ExpiringApi:
    """An API that knows one access token and one refresh token at a time."""

    def __init__(self) -> None:
        self.number = 1
        self.refreshed: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        with self._lock:
            if request.url.path.endswith("/auth/refresh"):
                return self._refresh(json.loads(request.content)["refresh_token"])
            is_known = request.headers.get("Authorization") == f"Bearer a{self.number}"
            return httpx2.Response(200, json=dict(VERSION.json())) if is_known else refused()

    def _refresh(self, token: str) -> httpx2.Response:
        self.refreshed.append(token)
        if token != f"r{self.number}":
            return refused("The token was used before.")
        self.number += 1
        return httpx2.Response(200, json=tokens(self.number).model_dump())

    def client(self, login: Login | str) -> Client:
        return Client(URL, login, transport=httpx2.MockTransport(self))


def refused(detail: str = "It has expired.") -> httpx2.Response:
    return httpx2.Response(401, json={"title": "Log in first", "detail": detail})


@pytest.fixture
def expiring() -> ExpiringApi:
    return ExpiringApi()


def test_a_token_that_expired_is_renewed_and_the_request_sent_again(
    expiring: ExpiringApi,
) -> None:
    login = Login(Token(token="old", refresh_token="r1"))
    with expiring.client(login) as client:
        assert client.version() == {"version": "0.1.0"}
        assert client.version() == {"version": "0.1.0"}
    assert expiring.refreshed == ["r1"]
    assert login.token == tokens(2)


def test_a_renewal_goes_to_the_same_address_without_the_query(api: FakeApi) -> None:
    login = Login(tokens(1))
    client = Client("http://api.test", login, transport=api.transport)
    api.on("GET", "/sessions", EXPIRED, httpx2.Response(200, json=[]))
    api.on("POST", "/auth/refresh", httpx2.Response(200, json=tokens(2).model_dump()))
    assert list(client.list_sessions(space="demo")) == []
    renewal = api.requests[1]
    assert str(renewal.url) == "http://api.test/api/v0/auth/refresh"
    assert "Authorization" not in renewal.headers
    assert api.requests[2].url.params["space"] == "demo"


def test_threads_and_clients_that_share_a_login_renew_it_once(expiring: ExpiringApi) -> None:
    login = Login(Token(token="old", refresh_token="r1"))
    clients = [expiring.client(login) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(Client.version, clients))) == 8
    assert expiring.refreshed == ["r1"]


def test_a_login_that_ended_says_so(expiring: ExpiringApi) -> None:
    with (
        expiring.client(Login(Token(token="old", refresh_token="r0"))) as client,
        pytest.raises(LoginRequiredError, match="used before"),
    ):
        client.version()
    assert expiring.refreshed == ["r0"]


def test_an_api_token_is_never_renewed(expiring: ExpiringApi) -> None:
    with expiring.client("rwc_old") as client, pytest.raises(LoginRequiredError):
        client.version()
    assert expiring.refreshed == []


def test_a_renewal_that_fails_now_may_succeed_later(api: FakeApi) -> None:
    login = Login(tokens(1))
    client = Client("http://api.test", login, transport=api.transport)
    api.on("GET", "/version", EXPIRED, EXPIRED, VERSION)
    away = httpx2.Response(503, json={"title": "Not available now"})
    api.on("POST", "/auth/refresh", away, httpx2.Response(200, json=tokens(2).model_dump()))
    with pytest.raises(RefusedError, match="Not available now"):
        client.version()
    assert login.token == tokens(1)
    assert client.version() == {"version": "0.1.0"}


def test_a_stream_is_opened_with_new_tokens(api: FakeApi) -> None:
    client = Client("http://api.test", Login(tokens(1)), transport=api.transport)
    stream = httpx2.Response(
        200, text='event: piece\ndata: {"a": 1}\n\n', headers={"content-type": "text/event-stream"}
    )
    api.on("GET", "/sessions/s1/events", EXPIRED, stream)
    api.on("POST", "/auth/refresh", httpx2.Response(200, json=tokens(2).model_dump()))
    with client.open_events("s1") as events:
        assert [event.data for event in events] == [{"a": 1}]


def test_processes_that_share_a_file_renew_it_once(
    expiring: ExpiringApi, environ: dict[str, str]
) -> None:
    store_credentials(Credentials(URL, "old", "r1"), environ)
    old = Token(token="old", refresh_token="r1")
    clients = [expiring.client(Login(old, CredentialsKeeper(environ, URL))) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(Client.version, clients))) == 4
    assert expiring.refreshed == ["r1"]
    assert read_credentials(environ) == Credentials(URL, "a2", "r2")


def test_a_renewal_does_not_bring_back_a_login_that_was_left(
    expiring: ExpiringApi, environ: dict[str, str]
) -> None:
    login = Login(Token(token="old", refresh_token="r1"), CredentialsKeeper(environ, URL))
    store_credentials(Credentials("http://other.test", "theirs", "x"), environ)
    with expiring.client(login) as client:
        client.version()
    assert read_credentials(environ).url == "http://other.test"


def test_a_lock_that_is_held_is_waited_for(expiring: ExpiringApi) -> None:
    steps: list[str] = []

    class Shelf:
        @contextmanager
        def locked(self) -> Iterator[None]:
            steps.append("lock")
            yield
            steps.append("free")

        def read(self) -> Token | None:
            # Another process was faster.
            expiring.number = 7
            return tokens(7)

        def write(self, token: Token) -> None:
            steps.append(f"write {token.token}")

    with expiring.client(Login(Token(token="old", refresh_token="r1"), Shelf())) as client:
        client.version()
    assert steps == ["lock", "free"]
    assert expiring.refreshed == []
