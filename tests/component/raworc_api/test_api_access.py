"""Who is let in, and what becomes of requests that nobody meant well."""

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import Engine, text
from sqlmodel import col, func, select, update
from tests.support.api_bed import KEYS, SPACE, ApiBed, refusal

from raworc_api.accounts.authentication import Authentication
from raworc_api.accounts.tables import Account, RoleBinding
from raworc_api.cluster import PodIdentity
from raworc_api.core.database import Database
from raworc_api.core.security import PEERS_AUDIENCE, Keys, Passwords, Tokens
from raworc_api.core.wake import Bus
from raworc_kube.errors import ClusterError

PASSWORD = "a good long password"


@pytest.fixture
def accounts(database: Database) -> Authentication:
    return Authentication(database, Passwords(), Tokens(Keys(KEYS.copy)), Bus(), 300)


@pytest.fixture
def nobody(bed: ApiBed) -> httpx2.Client:
    return bed.bearing(None)


def login(client: httpx2.Client, user: str, password: str) -> httpx2.Response:
    return client.post("/auth/login", json={"user": user, "pass": password})


def test_the_administrator_logs_in_and_sees_who_that_is(
    bed: ApiBed, accounts: Authentication, nobody: httpx2.Client
) -> None:
    accounts.ensure_admin(PASSWORD)
    given = login(nobody, "admin", PASSWORD)
    assert given.status_code == 200
    assert given.json()["token_type"] == "Bearer"
    admin = bed.bearing(given.json()["token"], 1)
    assert admin.get("/auth/me").json()["user"] == "admin"
    assert admin.get("/spaces").status_code == 200


def test_the_first_administrator_is_made_once_and_follows_the_password(
    accounts: Authentication, database: Database
) -> None:
    for password in (PASSWORD, PASSWORD, "another long password"):
        accounts.ensure_admin(password)
        assert accounts.login("admin", password, "").access.text
    with database() as db:
        assert db.exec(select(func.count()).select_from(RoleBinding)).one() == 1
        assert db.exec(select(func.count()).select_from(Account)).one() == 1


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("admin", "wrong"),
        ("ADMIN", PASSWORD),
        ("admin ", PASSWORD),
        ("nobody", PASSWORD),
        ("nobody", "nobody has this password"),
        ("ann", "!"),
        ("' OR 1=1 -- ", "x"),
    ],
)
def test_a_login_that_fails_does_not_say_why(
    accounts: Authentication, nobody: httpx2.Client, user: str, password: str
) -> None:
    accounts.ensure_admin(PASSWORD)
    problem = refusal(login(nobody, user, password), 401)
    assert problem["detail"] == "The name or the password is wrong."


def test_an_administrator_who_was_removed_stays_so_while_there_is_another(
    bed: ApiBed, accounts: Authentication
) -> None:
    bed.account("boss", "admin")
    assert bed.client("boss").delete("/service-accounts/admin").status_code == 204
    accounts.ensure_admin(PASSWORD)
    refusal(bed.client("boss").get("/service-accounts/admin"), 404)
    with bed.database() as db:
        db.exec(update(Account).where(col(Account.name) == "boss").values(active=False))
        db.commit()
    accounts.ensure_admin(PASSWORD)
    assert accounts.login("admin", PASSWORD, "").access.text


def test_a_new_password_of_the_installation_ends_the_logins_before(
    accounts: Authentication, nobody: httpx2.Client
) -> None:
    accounts.ensure_admin(PASSWORD)
    before = login(nobody, "admin", PASSWORD).json()["refresh_token"]
    accounts.ensure_admin(PASSWORD)
    again = nobody.post("/auth/refresh", json={"refresh_token": before})
    assert again.status_code == 200
    accounts.ensure_admin("another long password")
    after = nobody.post("/auth/refresh", json={"refresh_token": again.json()["refresh_token"]})
    refusal(after, 401)


def test_a_token_of_nobody_and_a_token_for_peers_open_nothing(bed: ApiBed) -> None:
    tokens = Tokens(Keys(KEYS.copy))
    for token in (
        tokens.issue("stranger", 60).text,
        tokens.issue("admin", 60, PEERS_AUDIENCE).text,
        tokens.issue("admin", -1).text,
        "x",
    ):
        answer = bed.bearing(token).get("/spaces")
        refusal(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


def test_without_a_token_nothing_is_told(bed: ApiBed, nobody: httpx2.Client) -> None:
    for path in ("/spaces", "/sessions", "/auth/me", f"/spaces/{SPACE}", "/sessions/x/events"):
        refusal(nobody.get(path), 401)
    refusal(bed.hosting(None).post("/host/claim", json={}), 401)
    refusal(bed.hosting(None).get("/host/messages/next"), 401)
    for path in ("/health", "/ready", "/version"):
        assert nobody.get(path).status_code == 200
    root = bed.replicas[0].url
    refusal(httpx2.post(f"{root}/internal/wake", json={"hints": []}, trust_env=False), 401)


def test_a_replica_whose_mirror_ended_is_not_healthy(
    bed: ApiBed, nobody: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bed.replicas[0], "is_alive", False)
    refusal(nobody.get("/health"), 503)


@pytest.mark.parametrize(
    ("namespace", "account", "status"),
    [
        ("raworc-team", "default", 403),
        ("default", "raworc-session", 403),
        ("kube-system", "raworc-session", 403),
        ("raworc-other", "raworc-session", 404),
        ("raworc-team", "raworc-session", 200),
    ],
)
def test_only_the_pod_of_a_session_is_its_host(
    bed: ApiBed, namespace: str, account: str, status: int
) -> None:
    bed.session(bed.client("ann"), name="one")
    token = str(uuid4())
    bed.cluster.tokens[token] = PodIdentity(namespace, account, "one", "u1")
    bed.cluster.pods[namespace, "one"] = "u1"
    assert bed.hosting(token).post("/host/claim", json={}).status_code == status


def test_a_user_is_no_host_and_a_host_no_user(bed: ApiBed) -> None:
    ann = bed.client("ann")
    bed.session(ann, name="one")
    token = ann.headers["Authorization"].removeprefix("Bearer ")
    refusal(bed.hosting(token).post("/host/claim", json={}), 401)
    host = bed.pod("one").http.headers["Authorization"].removeprefix("Bearer ")
    refusal(bed.bearing(host).get("/sessions"), 401)


def test_each_port_knows_its_own_paths_alone(bed: ApiBed) -> None:
    replica = bed.replicas[0]
    bed.session(bed.client("ann"), name="one")
    host = bed.pod("one").http.headers["Authorization"].removeprefix("Bearer ")
    refusal(bed.bearing(host).post("/host/claim", json={}), 404)
    refusal(bed.hosting(host).get("/sessions"), 404)
    refusal(bed.hosting(host).get("/health"), 404)
    for path in ("/health", "/ready"):
        answer = httpx2.get(replica.probes_url + path, trust_env=False)
        assert answer.json() == {"status": "ok"}
        refusal(httpx2.get(replica.url + path, trust_env=False), 404)
    refusal(httpx2.get(f"{replica.probes_url}/api/v0/spaces", trust_env=False), 404)


def test_a_host_is_told_to_come_back_while_the_cluster_is_away(
    bed: ApiBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed.session(bed.client("ann"), name="one")
    host = bed.pod("one")

    def away(*_: str) -> None:
        raise ClusterError("no route to 10.0.0.1")

    monkeypatch.setattr(bed.cluster, "running_pod_uid", away)
    refusal(host.claim(), 503)
    monkeypatch.setattr(bed.cluster, "review_token", away)
    assert "10.0.0.1" not in refusal(bed.pod("one").claim(), 503)["detail"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff\xfe{", "application/json", 400),
        (b'{"content": "\xff"}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"content": ' + b"9" * 5000 + b"}", "application/json", 400),
        (b"", "application/json", 422),
        (b"null", "application/json", 422),
        (b"[]", "application/json", 422),
        (b'"text"', "application/json", 422),
        (b"{}", "application/json", 422),
        (b'{"content": "x"}', "application/x-www-form-urlencoded", 415),
        (b'{"content": "x"}', "text/plain", 415),
        (b'{"content": null}', "application/json", 422),
        (b'{"content": 7}', "application/json", 422),
        (b'{"content": ""}', "application/json", 422),
        (b'{"content": "a\\u0000b"}', "application/json", 422),
        (b'{"content": "\\ud800"}', "application/json", 422),
        (b'{"content": "x", "\\ud800": 1}', "application/json", 422),
        (b'{"content": "x", "metadata": {"a": NaN}}', "application/json", 422),
        (b'{"content": "x", "metadata": {"a": 1e999}}', "application/json", 422),
        (b'{"content": "x", "metadata": {"a": 99999999999999999999}}', "application/json", 422),
        (b'{"content": "x", "metadata": {"\\udfff": 1}}', "application/json", 422),
        (b'{"content": "x", "metadata": "x"}', "application/json", 422),
        (b'{"content": "x", "status": "answered"}', "application/json", 422),
        (b'{"content": "x", "agent": "../x"}', "application/json", 422),
        (b'{"content": "x", "metadata": {"a": "x"}}', "application/json", 201),
        (b'{"content": "x", "content": "y"}', "application/problem+json", 201),
    ],
)
def test_whatever_is_sent_is_taken_or_refused_in_words(
    bed: ApiBed, content: bytes, kind: str, status: int
) -> None:
    ann = bed.client("ann")
    path = f"/sessions/{bed.session(ann)}/messages"
    sent = ann.post(path, content=content, headers={"Content-Type": kind})
    if status < 400:
        assert sent.status_code == status, sent.text
    else:
        refusal(sent, status)


def test_a_body_that_never_ends_is_cut_off(bed: ApiBed) -> None:
    ann = bed.client("ann")
    path = f"/sessions/{bed.session(ann)}/messages"

    def endless() -> Iterator[bytes]:
        yield b'{"content": "'
        for _ in range(64):
            yield b"x" * 65_536
        yield b'"}'

    headers = {"Content-Type": "application/json"}
    refusal(ann.post(path, content=endless(), headers=headers), 413)
    refusal(ann.post(path, content=b" " * (2 * 1024 * 1024 + 1), headers=headers), 413)
    assert ann.get("/sessions").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/sessions/%00",
        "/sessions/%ff%fe",
        "/sessions/..%2f..",
        "/sessions/'",
        "/sessions/%F0%9F%98%80",
        "/sessions/" + "x" * 5000,
        "/spaces/%00",
        "/spaces/Team",
        "/spaces/team%20",
        "/nothing",
        "/spaces/team/nothing",
    ],
)
def test_what_is_not_there_is_not_found(bed: ApiBed, path: str) -> None:
    refusal(bed.client("admin").get(path), 404)


def test_a_slash_at_the_end_leads_nowhere_else(bed: ApiBed) -> None:
    answer = bed.client("ann").get("/sessions/", headers={"Host": "evil.example"})
    refusal(answer, 404)
    assert "location" not in answer.headers


@pytest.mark.parametrize("media_type", [None, "text/json", "multipart/form-data"])
def test_a_body_that_is_not_declared_as_json_is_refused(
    bed: ApiBed, media_type: str | None
) -> None:
    ann = bed.client("ann")
    headers = {} if media_type is None else {"Content-Type": media_type}
    path = f"/sessions/{bed.session(ann)}/messages"
    refusal(ann.post(path, content=b'{"content": "x"}', headers=headers), 415)


def test_a_method_that_is_not_there_names_those_that_are(bed: ApiBed) -> None:
    answer = bed.client("admin").put("/spaces")
    refusal(answer, 405)
    assert "GET" in answer.headers["allow"]


def test_a_header_that_is_no_text_is_refused(bed: ApiBed) -> None:
    parts = urlsplit(bed.replicas[0].url)
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=10) as raw:
        raw.sendall(b"GET /api/v0/spaces HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize(
    "since", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "-1e99"]
)
def test_times_at_the_edge_are_refused(bed: ApiBed, since: str) -> None:
    ann = bed.client("ann")
    path = f"/sessions/{bed.session(ann)}/messages"
    refusal(ann.get(path, params={"since": since}), 422)


def test_a_fault_inside_is_no_news_for_the_caller(
    bed: ApiBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("raworc_api.sessions.repository.list_sessions", broken)
    assert "secret" not in json.dumps(refusal(bed.client("ann").get("/sessions"), 500))


def test_a_database_that_is_locked_is_told_as_passing(bed: ApiBed, engine: Engine) -> None:
    ann = bed.client("ann")
    session = bed.session(ann)
    with engine.begin() as connection:
        connection.execute(text("SELECT * FROM sessions FOR UPDATE"))
        refused = ann.post(f"/sessions/{session}/messages", json={"content": "x"})
    assert "SELECT" not in json.dumps(refusal(refused, 503))
    assert ann.post(f"/sessions/{session}/messages", json={"content": "x"}).status_code == 201


def test_the_description_of_the_api_is_there_without_a_token(nobody: httpx2.Client) -> None:
    description = nobody.get("/openapi.json").json()
    assert "/api/v0/sessions/{session_id}/messages" in description["paths"]
    assert "/internal/wake" not in description["paths"]
