"""API tokens: shown once, limited to rules and spaces, listed with their last use, revoked."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.event import listen, remove
from sqlmodel import col, select, update
from tests.support.api_bed import SPACE, ApiBed, refusal

from raworc_api.accounts.tables import ApiToken

PATH = "/service-accounts/ann/token"
READ = {"resources": ["sessions", "spaces"], "verbs": ["get", "list"]}


def make(bed: ApiBed, name: str = "ci", **body: object) -> str:
    made = bed.client("ann").post(PATH, json={"name": name, **body})
    assert made.status_code == 201, made.text
    return str(made.json()["token"])


def test_a_token_is_shown_once_and_only_its_hash_is_kept(bed: ApiBed) -> None:
    ann = bed.client("ann")
    made = ann.post(PATH, json={"name": "ci"})
    assert made.headers["location"] == f"/api/v0{PATH}/ci"
    assert made.headers["cache-control"] == "no-store"
    token = made.json()["token"]
    assert token.startswith("rwc_")
    assert len(token) > 40
    (listed,) = ann.get(PATH).json()
    assert "token" not in listed
    assert token.startswith(listed["prefix"])
    assert len(listed["prefix"]) < 12
    assert (listed["created_by"], listed["last_used_at"], listed["rules"]) == ("ann", None, None)
    with bed.database() as db:
        kept = db.exec(select(ApiToken)).one().model_dump_json()
    assert token not in kept


def test_a_token_is_its_account_on_every_replica_and_says_when_it_was_used(bed: ApiBed) -> None:
    token = make(bed)
    session = bed.session(bed.client("ann"))
    for replica in (0, 1):
        client = bed.bearing(token, replica)
        assert client.get("/auth/me").json()["user"] == "ann"
        assert [one["id"] for one in client.get("/sessions").json()] == [session]
    used = bed.client("ann").get(PATH).json()[0]["last_used_at"]
    assert datetime.now(UTC) - datetime.fromisoformat(used) < timedelta(seconds=30)


def test_a_limited_token_does_only_that(bed: ApiBed) -> None:
    bed.space("lab")
    ann = bed.client("ann")
    here, there = bed.session(ann, name="one"), bed.session(ann, name="two", space="lab")
    client = bed.bearing(make(bed, rules=[READ], spaces=[SPACE]))
    assert client.get(f"/sessions/{here}").status_code == 200
    assert [one["id"] for one in client.get("/sessions").json()] == [here]
    assert [one["name"] for one in client.get("/spaces").json()] == [SPACE]
    refusal(client.get("/spaces/lab"), 404)
    refusal(client.get(f"/sessions/{there}"), 403)
    refusal(client.delete(f"/sessions/{here}"), 403)
    refusal(client.post("/sessions", json={"space": SPACE}), 403)
    refusal(client.get(f"/sessions/{here}/messages"), 403)
    me = client.get("/auth/me").json()
    assert {rule["space"] for rule in me["token_rules"]} == {SPACE}
    # It cannot make itself a wider one, nor see the others.
    refusal(client.post(PATH, json={"name": "wide"}), 403)
    refusal(client.get(PATH), 403)
    body = {"new_password": "a good long password"}
    refusal(client.put("/service-accounts/ann/password", json=body), 403)


def test_a_token_for_some_spaces_may_there_what_its_account_may(bed: ApiBed) -> None:
    bed.space("lab")
    client = bed.bearing(make(bed, spaces=["lab"]))
    assert client.post("/sessions", json={"space": "lab"}).status_code == 201
    refusal(client.post("/sessions", json={"space": SPACE}), 404)


def test_a_token_never_does_more_than_its_account(bed: ApiBed) -> None:
    everything = {"resources": ["*"], "verbs": ["*"]}
    client = bed.bearing(make(bed, rules=[everything]))
    refusal(client.post("/spaces", json={"name": "lab"}), 403)
    refusal(client.get("/service-accounts"), 403)
    refusal(client.get("/service-accounts/bob"), 403)


def test_a_token_that_is_revoked_is_over(bed: ApiBed) -> None:
    client, ann = bed.bearing(make(bed)), bed.client("ann")
    kept, admin = bed.bearing(make(bed, "kept")), bed.client("admin")
    assert client.get("/auth/me").status_code == 200
    assert ann.delete(f"{PATH}/ci").status_code == 204
    refusal(client.get("/auth/me"), 401)
    assert kept.get("/auth/me").status_code == 200
    refusal(admin.delete(f"{PATH}/ci"), 404)
    assert [one["name"] for one in admin.get(PATH).json()] == ["kept"]


def test_a_token_ends_when_it_was_said_to(bed: ApiBed) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    token = make(bed, expires_at=later.isoformat())
    assert bed.bearing(token).get("/auth/me").status_code == 200
    with bed.database() as db:
        db.exec(update(ApiToken).values(expires_at=datetime.now(UTC)))
        db.commit()
    refusal(bed.bearing(token, 1).get("/auth/me"), 401)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "A"},
        {"name": "x" * 64},
        {"name": "x", "rules": [{}]},
        {"name": "x", "spaces": ["No Space"]},
        {"name": "x", "expires_at": "2026-01-01T00:00:00"},
        {"name": "x", "expires_at": "2020-01-01T00:00:00Z"},
    ],
)
def test_a_token_that_cannot_be_is_refused(bed: ApiBed, body: dict[str, object]) -> None:
    refusal(bed.client("ann").post(PATH, json=body), 422)


def test_a_name_is_taken_once_for_each_account(bed: ApiBed) -> None:
    make(bed)
    refusal(bed.client("ann").post(PATH, json={"name": "ci"}), 409)
    mine = bed.client("bob").post("/service-accounts/bob/token", json={"name": "ci"})
    assert mine.status_code == 201


def test_tokens_of_others_are_for_who_may_manage_them(bed: ApiBed) -> None:
    token, bob, admin = make(bed), bed.client("bob"), bed.client("admin")
    refusal(bob.get(PATH), 403)
    refusal(bob.post(PATH, json={"name": "mine"}), 403)
    refusal(bob.delete(f"{PATH}/ci"), 403)
    assert [one["name"] for one in admin.get(PATH).json()] == ["ci"]
    made = admin.post(PATH, json={"name": "robot"}).json()
    assert (made["created_by"], made["token"][:4]) == ("admin", "rwc_")
    assert admin.delete(f"{PATH}/ci").status_code == 204
    refusal(bed.bearing(token).get("/auth/me"), 401)
    for path in ("/service-accounts/nobody/token", "/service-accounts/nobody/token/x"):
        method = "DELETE" if path.endswith("x") else "GET"
        refusal(admin.request(method, path), 404)


def test_an_account_has_so_many_tokens_and_they_come_in_pages(bed: ApiBed) -> None:
    ann, now = bed.client("ann"), datetime.now(UTC)
    with bed.database() as db:
        for number in range(99):
            mine: dict[str, Any] = {"account": "ann", "name": f"t{number:02}", "created_by": "ann"}
            secret: dict[str, Any] = {
                "id": str(number),
                "secret_hash": f"{number:064}",
                "prefix": "rwc_",
            }
            db.add(ApiToken(**mine, **secret, created_at=now))
        db.commit()
    make(bed, "last")
    refusal(ann.post(PATH, json={"name": "more"}), 409)
    page = ann.get(PATH, params={"limit": 60})
    rest = ann.get(page.links["next"]["url"].removeprefix("/api/v0"))
    assert len(page.json()) + len(rest.json()) == 100
    # What has expired makes room.
    with bed.database() as db:
        db.exec(update(ApiToken).where(col(ApiToken.name) == "t00").values(expires_at=now))
        db.commit()
    make(bed, "more")


@pytest.mark.parametrize("token", ["rwc_", "rwc_x", "rwc_" + "x" * 43])
def test_what_is_no_token_opens_nothing(bed: ApiBed, token: str) -> None:
    refusal(bed.bearing(token).get("/auth/me"), 401)


def test_a_caller_who_is_known_costs_no_query(bed: ApiBed, engine: Engine) -> None:
    asked: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        asked.append(statement)

    for client in (bed.bearing(make(bed)), bed.client("ann")):
        client.get("/auth/me")
        asked.clear()
        listen(engine, "before_cursor_execute", note)
        for _ in range(5):
            client.post("/auth/can-i", json={"resource": "spaces", "verb": "get"})
        remove(engine, "before_cursor_execute", note)
        assert [text for text in asked if "accounts" in text] == []


def test_a_use_is_written_once_a_minute(bed: ApiBed) -> None:
    client = bed.bearing(make(bed))
    before = datetime.now(UTC) - timedelta(seconds=50)
    with bed.database() as db:
        db.exec(update(ApiToken).values(last_used_at=before))
        db.commit()
    client.get("/auth/me")
    with bed.database() as db:
        assert db.exec(select(ApiToken.last_used_at)).one() == before
