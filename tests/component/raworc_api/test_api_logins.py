"""Logins: short tokens, refreshing, what ends them on every replica, and who guesses too often."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from sqlmodel import col, delete, select, update
from tests.support.api_bed import ApiBed, refusal

from raworc_api.accounts.tables import Account, Login, LoginFailures
from raworc_api.accounts.throttle import MOST_ALONE, MOST_TOGETHER, WINDOW

PASSWORD = "a good long password"
NEW = "another good password"
# What the product promises for all replicas.
ENDED_SECONDS = 5.0


@pytest.fixture
def carl(bed: ApiBed) -> None:
    """Make the account that logs in here."""
    body = {"user": "carl", "pass": PASSWORD}
    assert bed.client("admin").post("/service-accounts", json=body).status_code == 201
    binding = {"role_name": "user", "principal_name": "carl"}
    assert bed.client("admin").post("/role-bindings", json=binding).status_code == 201


def ask(bed: ApiBed, password: str = PASSWORD, user: str = "carl", **headers: str) -> Any:  # noqa: ANN401 - a response
    body = {"user": user, "pass": password}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return bed.bearing(None).post("/auth/login", json=body, headers=named)


def login(bed: ApiBed) -> dict[str, Any]:
    given = ask(bed)
    assert given.status_code == 200, given.text
    tokens: dict[str, Any] = given.json()
    return tokens


def refresh(bed: ApiBed, token: str, replica: int = 0) -> httpx2.Response:
    return bed.bearing(None, replica).post("/auth/refresh", json={"refresh_token": token})


def ends(client: httpx2.Client) -> float:
    """Return after how many seconds a client is not known any more."""
    began = time.monotonic()
    while client.get("/auth/me").status_code != 401:
        assert time.monotonic() - began < 2 * ENDED_SECONDS
        time.sleep(0.05)
    return time.monotonic() - began


@pytest.fixture
def deaf(bed: ApiBed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lose every hint between the replicas."""
    for replica in bed.replicas:
        monkeypatch.setattr(replica.bus, "_outward", None)


@pytest.mark.usefixtures("carl")
def test_a_login_gives_what_older_clients_read_and_a_refresh_token(bed: ApiBed) -> None:
    given = ask(bed)
    tokens = given.json()
    assert set(tokens) == {
        *("token", "token_type", "expires_at", "refresh_token", "refresh_expires_at")
    }
    assert tokens["token_type"] == "Bearer"
    assert tokens["refresh_token"].startswith("rwr_")
    assert given.headers["cache-control"] == "no-store"
    with bed.database() as db:
        kept = db.exec(select(Login.secret_hash)).one()
    assert tokens["refresh_token"].rpartition(".")[2] not in kept


@pytest.mark.usefixtures("carl")
def test_a_refresh_gives_the_next_tokens_and_is_good_once(bed: ApiBed) -> None:
    first = login(bed)
    second = refresh(bed, first["refresh_token"], 1).json()
    third = refresh(bed, second["refresh_token"]).json()
    assert len({one["refresh_token"] for one in (first, second, third)}) == 3
    for tokens in (first, second, third):
        assert bed.bearing(tokens["token"], 1).get("/auth/me").json()["user"] == "carl"
    # The second one was used: somebody has a copy, so all that came of the login ends.
    problem = refusal(refresh(bed, second["refresh_token"], 1), 401)
    assert "used before" in problem["detail"]
    refusal(refresh(bed, third["refresh_token"]), 401)
    for tokens in (first, second, third):
        assert ends(bed.bearing(tokens["token"])) < ENDED_SECONDS


@pytest.mark.usefixtures("carl")
def test_a_login_that_ends_leaves_the_others(bed: ApiBed) -> None:
    one, other = login(bed), login(bed)
    assert bed.bearing(one["token"]).post("/auth/logout").status_code == 204
    refusal(bed.bearing(one["token"]).get("/auth/me"), 401)
    refusal(refresh(bed, one["refresh_token"]), 401)
    assert bed.bearing(other["token"]).get("/auth/me").status_code == 200
    assert refresh(bed, other["refresh_token"]).status_code == 200


@pytest.mark.parametrize(
    "token", ["x", "rwr_", "rwr_.", "rwr_x.y", "rwr_" + "x" * 250, "rwc_x", "é", " "]
)
def test_what_is_no_refresh_token_is_refused(bed: ApiBed, token: str) -> None:
    refusal(refresh(bed, token), 401)


@pytest.mark.usefixtures("carl")
def test_a_guess_of_the_secret_ends_the_login(bed: ApiBed) -> None:
    tokens = login(bed)
    refusal(refresh(bed, tokens["refresh_token"][:-1]), 401)
    refusal(refresh(bed, tokens["refresh_token"]), 401)


@pytest.mark.usefixtures("carl")
def test_a_login_that_nobody_refreshes_is_over(bed: ApiBed) -> None:
    tokens = login(bed)
    with bed.database() as db:
        db.exec(update(Login).values(expires_at=datetime.now(UTC)))
        db.commit()
    refusal(refresh(bed, tokens["refresh_token"]), 401)
    login(bed)
    with bed.database() as db:
        assert len(db.exec(select(Login)).all()) == 1


def disable(admin: httpx2.Client) -> None:
    admin.patch("/service-accounts/carl", json={"active": False})


def reset_password(admin: httpx2.Client) -> None:
    admin.put("/service-accounts/carl/password", json={"new_password": NEW})


def remove(admin: httpx2.Client) -> None:
    admin.delete("/service-accounts/carl")


@pytest.mark.usefixtures("carl")
@pytest.mark.parametrize("end", [disable, reset_password, remove])
@pytest.mark.parametrize("hints", ["heard", "lost"])
def test_tokens_end_on_every_replica(
    bed: ApiBed, end: Callable[[httpx2.Client], None], hints: str, request: pytest.FixtureRequest
) -> None:
    if hints == "lost":
        request.getfixturevalue("deaf")
    tokens = login(bed)
    made = bed.bearing(tokens["token"]).post("/service-accounts/carl/token", json={"name": "t"})
    clients = [
        bed.bearing(token, replica)
        for token in (tokens["token"], made.json()["token"])
        for replica in (0, 1)
    ]
    assert [client.get("/auth/me").status_code for client in clients] == [200] * 4
    end(bed.client("admin"))
    for client in clients[::2]:
        refusal(client.get("/auth/me"), 401)
    assert all(ends(client) < ENDED_SECONDS for client in clients[1::2])
    refusal(refresh(bed, tokens["refresh_token"], 1), 401)


@pytest.mark.usefixtures("carl", "deaf")
@pytest.mark.parametrize("end", [disable, reset_password])
def test_an_open_stream_ends_with_the_tokens(
    bed: ApiBed, end: Callable[[httpx2.Client], None]
) -> None:
    client = bed.bearing(login(bed)["token"], 1)
    session = bed.session(client)
    with client.stream("GET", f"/sessions/{session}/events") as stream:
        lines = stream.iter_lines()
        next(lines)
        began = time.monotonic()
        end(bed.client("admin"))
        assert list(lines) is not None
    assert time.monotonic() - began < ENDED_SECONDS


@pytest.mark.usefixtures("carl")
def test_a_right_that_is_taken_ends_on_every_replica(bed: ApiBed) -> None:
    admin, token = bed.client("admin"), login(bed)["token"]
    there = bed.bearing(token, 1)
    assert there.get("/sessions").status_code == 200
    (bound,) = admin.get("/role-bindings", params={"principal_name": "carl"}).json()
    admin.delete(f"/role-bindings/{bound['id']}")
    deadline = time.monotonic() + ENDED_SECONDS
    while there.get("/sessions").status_code != 403:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_token_of_the_version_before_ends_with_the_password(bed: ApiBed) -> None:
    # Such a replica, beside this one while they are replaced, signs tokens that name no login.
    client = bed.client("ann")
    assert client.get("/auth/me").status_code == 200
    time.sleep(1.1)
    body = {"new_password": NEW}
    bed.client("admin").put("/service-accounts/ann/password", json=body)
    refusal(client.get("/auth/me"), 401)


# -- guessing --


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take no time for passwords, as only their number counts."""

    def is_same(_: object, password: str, hashed: str | None) -> bool:
        return password == PASSWORD and hashed is not None

    monkeypatch.setattr("raworc_api.core.security.Passwords.matches", is_same)


@pytest.mark.usefixtures("carl", "window")
@pytest.mark.parametrize("user", ["carl", "nobody", "x" * 100])
def test_who_guesses_a_password_has_to_wait(bed: ApiBed, user: str) -> None:
    for _ in range(MOST_TOGETHER):
        refusal(ask(bed, "wrong", user), 401)
    for password in ("wrong", PASSWORD):
        refused = ask(bed, password, user)
        refusal(refused, 429)
        assert 0 < int(refused.headers["retry-after"]) <= WINDOW.total_seconds() + 1
    # Another account, and whoever has a token already, goes on.
    refusal(ask(bed, "wrong", "ann"), 401)
    assert bed.client("carl").get("/auth/me").status_code == 200


@pytest.mark.usefixtures("carl", "window")
def test_who_has_a_token_guesses_the_password_no_more_often(bed: ApiBed) -> None:
    carl, path = bed.bearing(login(bed)["token"]), "/service-accounts/carl/password"
    for _ in range(MOST_TOGETHER):
        refusal(carl.put(path, json={"new_password": NEW, "current_password": "wrong"}), 422)
    body = {"new_password": NEW, "current_password": PASSWORD}
    assert int(carl.put(path, json=body).headers["retry-after"]) > 0
    assert ask(bed).status_code == 200


@pytest.mark.usefixtures("carl", "window")
def test_a_stranger_does_not_lock_the_owner_out(bed: ApiBed) -> None:
    stranger = {"x_forwarded_for": "198.51.100.7"}
    for _ in range(MOST_TOGETHER):
        refusal(ask(bed, "wrong", **stranger), 401)
    refusal(ask(bed, **stranger), 429)
    # What precedes the proxy's own word is of no use.
    refusal(ask(bed, x_forwarded_for="203.0.113.1, 198.51.100.7"), 429)
    assert ask(bed, x_forwarded_for="203.0.113.1").status_code == 200


@pytest.mark.usefixtures("carl", "window")
def test_who_takes_many_addresses_or_accounts_has_to_wait_as_well(bed: ApiBed) -> None:
    with bed.database() as db:
        refusal(ask(bed, "wrong", x_forwarded_for="2001:db8::1"), 401)
        assert len(db.exec(select(LoginFailures)).all()) == 3
        db.exec(update(LoginFailures).values(failures=MOST_ALONE - 1))
        db.commit()
    # The rest of an IPv6 address is the caller's to choose.
    refusal(ask(bed, "wrong", "ann", x_forwarded_for="2001:db8::2"), 401)
    refusal(ask(bed, "wrong", "bob", x_forwarded_for="2001:db8::3"), 429)
    refusal(ask(bed, "wrong", "carl", x_forwarded_for="2001:db8:1::1"), 401)
    refusal(ask(bed, x_forwarded_for="2001:db8:2::1"), 429)


@pytest.mark.usefixtures("carl", "window")
def test_after_the_window_guesses_count_anew_and_old_counts_go(bed: ApiBed) -> None:
    for _ in range(MOST_TOGETHER):
        ask(bed, "wrong")
    refusal(ask(bed), 429)
    with bed.database() as db:
        db.exec(update(LoginFailures).values(ends_at=datetime.now(UTC)))
        db.commit()
    refusal(ask(bed, "wrong"), 401)
    assert ask(bed).status_code == 200
    with bed.database() as db:
        assert set(db.exec(select(LoginFailures.failures))) == {1}


def test_an_unknown_name_takes_as_long_as_a_known_one(bed: ApiBed) -> None:
    body = {"user": "carl", "pass": PASSWORD}
    bed.client("admin").post("/service-accounts", json=body)
    times: dict[str, list[float]] = {"carl": [], "nobody": []}
    for _ in range(9):
        for user, taken in times.items():
            began = time.perf_counter()
            refusal(ask(bed, "wrong", user), 401)
            taken.append(time.perf_counter() - began)
    # The fastest of each, as the machine may be busy with something else.
    known, unknown = min(times["carl"]), min(times["nobody"])
    assert 0.5 < unknown / known < 2
    with bed.database() as db:
        db.exec(delete(LoginFailures))
        db.exec(update(Account).where(col(Account.name) == "carl").values(active=False))
        db.commit()
    began = time.perf_counter()
    refusal(ask(bed, PASSWORD), 401)
    assert time.perf_counter() - began > known / 2


def test_a_password_that_changes_while_it_is_checked_opens_nothing(
    bed: ApiBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"user": "carl", "pass": PASSWORD}
    bed.client("admin").post("/service-accounts", json=body)

    def matches(*_: object) -> bool:
        with bed.database() as db:
            db.exec(update(Account).where(col(Account.name) == "carl").values(password_hash="!"))
            db.commit()
        return True

    monkeypatch.setattr("raworc_api.core.security.Passwords.matches", matches)
    refusal(ask(bed), 401)
    with bed.database() as db:
        assert db.exec(select(Login)).all() == []
