"""Sessions over REST: created once, closed, woken, deleted, and seen by whom they belong to."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import product
from typing import Any

import httpx2
import pytest
from sqlmodel import col, select, update
from tests.support.api_bed import SPACE, ApiBed, messages, refusal, say

from raworc_api.mirror import outbox
from raworc_api.mirror.tables import OutboxRow
from raworc_api.sessions import repository
from raworc_api.sessions.state import session_state
from raworc_api.sessions.tables import SessionRecord


def record(bed: ApiBed, session_id: str) -> SessionRecord:
    with bed.database() as db:
        return db.get_one(SessionRecord, session_id)


def change(bed: ApiBed, session_id: str, **fields: object) -> None:
    """Change a record, as the mirror does after the operator's word."""
    with bed.database() as db:
        db.exec(update(SessionRecord).where(col(SessionRecord.id) == session_id).values(**fields))
        db.commit()


def pending(bed: ApiBed) -> dict[str, bool]:
    """Return what waits in the outbox, and whether it is due now; then empty it."""
    with bed.database() as db:
        due = {
            key.name
            for are_reports in (False, True)
            for key in outbox.due(db, 99, are_reports=are_reports)
        }
        found = {row.name: row.name in due for row in db.exec(select(OutboxRow))}
        for row in db.exec(select(OutboxRow)):
            db.delete(row)
        db.commit()
    return found


def state(client: httpx2.Client, session_id: str) -> str:
    return str(client.get(f"/sessions/{session_id}/state").json()["state"])


def test_a_session_is_created_with_all_that_it_may_have(bed: ApiBed) -> None:
    ann = bed.client("ann")
    pending(bed)
    made = ann.post(
        "/sessions",
        json={
            "space": SPACE,
            "name": "one",
            "agent": "echo",
            "metadata": {"a": "b"},
            "resources": {"limits": {"cpu": 1, "memory": "256Mi"}},
            "storage_size": "2Gi",
            "busy_timeout_seconds": 60,
        },
    )
    session = made.json()
    assert made.status_code == 201
    assert made.headers["location"] == f"/api/v0/sessions/{session['id']}"
    assert session["state"] == "init"
    assert session["created_by"] == "ann"
    assert record(bed, session["id"]).spec == {
        "space": SPACE,
        "closed": False,
        "agent": "echo",
        "metadata": {"a": "b"},
        "resources": {"limits": {"cpu": "1", "memory": "256Mi"}},
        "storageSize": "2Gi",
        "busyTimeoutSeconds": 60,
        "owner": "ann",
    }
    assert pending(bed) == {"one": True}
    assert ann.get(f"/sessions/{session['id']}").json() == session


def test_a_session_without_a_name_has_its_id_for_one(bed: ApiBed) -> None:
    session = bed.client("ann").post("/sessions", json={"space": SPACE}).json()
    assert session["name"] == session["id"]


def test_a_name_is_taken_once_in_its_space(bed: ApiBed) -> None:
    ann = bed.client("ann")
    bed.session(ann, name="one")
    refusal(ann.post("/sessions", json={"space": SPACE, "name": "one"}), 409)
    bed.space("lab")
    bed.session(ann, name="one", space="lab")


def test_a_repeated_key_creates_once(bed: ApiBed) -> None:
    ann, bob = bed.client("ann"), bed.client("bob")
    body, key = {"space": SPACE, "name": "one"}, {"Idempotency-Key": "k"}

    def create(_: int) -> str:
        made = ann.post("/sessions", json=body, headers=key)
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    with ThreadPoolExecutor(6) as pool:
        ids = set(pool.map(create, range(6)))
    assert len(ids) == 1
    refusal(ann.post("/sessions", json={**body, "closed": True}, headers=key), 422)
    # Another's key is another key.
    assert bob.post("/sessions", json={"space": SPACE}, headers=key).status_code == 201
    ann.delete(f"/sessions/{ids.pop()}")
    refusal(ann.post("/sessions", json=body, headers=key), 409)


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({}, 422, "space"),
        ({"space": "nowhere"}, 404, "nowhere"),
        ({"space": SPACE, "agent": "nobody"}, 422, "'echo'"),
        ({"space": SPACE, "mood": "x"}, 422, "mood"),
        ({"space": SPACE, "owner": "bob"}, 422, "owner"),
        ({"space": SPACE, "state": "idle"}, 422, "state"),
        ({"space": SPACE, "closed": "perhaps"}, 422, "closed"),
        ({"space": SPACE, "metadata": {"a": 1}}, 422, "metadata/a"),
        ({"space": SPACE, "storage_size": "much"}, 422, "storage_size"),
        ({"space": SPACE, "busy_timeout_seconds": 0}, 422, "busy_timeout_seconds"),
        ({"space": "Team"}, 422, "lower-case"),
    ],
)
def test_a_session_that_cannot_be_is_refused(
    bed: ApiBed, body: dict[str, Any], status: int, word: str
) -> None:
    assert word in refusal(bed.client("ann").post("/sessions", json=body), status)["detail"]


def test_a_closed_session_is_woken_by_a_message(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session = bed.session(ann, name="one", closed=True)
    assert state(ann, session) == "closed"
    pending(bed)
    say(ann, session, "good morning")
    assert pending(bed) == {"one": True}
    assert record(bed, session).spec["closed"] is False
    assert state(ann, session) == "init"
    assert bed.host("one").take()["message"]["content"] == "good morning"


def test_closing_and_restoring_change_the_wish_and_say_so_once(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session = bed.session(ann, name="one")
    pending(bed)
    assert ann.post(f"/sessions/{session}/close").json()["closed"] is True
    assert pending(bed) == {"one": True}
    assert ann.post(f"/sessions/{session}/close").status_code == 200
    assert pending(bed) == {}
    assert ann.post(f"/sessions/{session}/restore").json()["state"] == "init"
    assert pending(bed) == {"one": True}


def test_a_session_that_closes_ends_its_turn_and_keeps_what_waits(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    say(ann, session, "first")
    turn = host.take()["message"]
    say(ann, session, "second")
    ann.post(f"/sessions/{session}/close")
    assert state(ann, session) == "busy"
    assert host.answer(turn).json() == {"next": None}
    assert host.poll().status_code == 204
    host.release()
    assert state(ann, session) == "closed"
    ann.post(f"/sessions/{session}/restore")
    assert bed.host("one").take()["message"]["content"] == "second"
    assert [one["status"] for one in messages(ann, session)][:2] == ["answered", "processing"]


def test_a_host_that_comes_late_makes_no_closed_session_idle(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session = bed.session(ann, name="one")
    late = bed.pod("one")
    ann.post(f"/sessions/{session}/close")
    refusal(late.claim(), 404)
    assert state(ann, session) == "closed"


def test_a_host_that_died_is_forgotten_when_its_closed_session_opens(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session = bed.session(ann, name="one")
    bed.host("one")
    ann.post(f"/sessions/{session}/close")
    change(bed, session, cr_state="closed")
    assert state(ann, session) == "closed"
    ann.post(f"/sessions/{session}/restore")
    assert state(ann, session) == "init"


def test_idle_and_busy_reach_the_cluster_later_and_only_when_they_change(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session = bed.session(ann, name="one")
    pending(bed)
    host = bed.host("one")
    assert pending(bed) == {"one": False}
    say(ann, session, "a")
    say(ann, session, "b")
    assert pending(bed) == {}
    turn = host.take()["message"]
    assert pending(bed) == {"one": False}
    following = host.answer(turn).json()["next"]["message"]
    assert pending(bed) == {}
    host.answer(following)
    assert pending(bed) == {"one": False}


def test_a_deleted_session_is_gone_for_everyone_at_once(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    say(ann, session, "hello")
    turn = host.take()["message"]
    pending(bed)
    assert ann.delete(f"/sessions/{session}").status_code == 204
    assert pending(bed) == {"one": True}
    for path in ("", "/state", "/messages", "/messages/count", "/events"):
        refusal(bed.client("admin").get(f"/sessions/{session}{path}"), 404)
    for method, path in (("DELETE", ""), ("POST", "/close"), ("POST", "/restore")):
        refusal(ann.request(method, f"/sessions/{session}{path}"), 404)
    refusal(ann.post(f"/sessions/{session}/messages", json={"content": "x"}), 404)
    assert ann.get("/sessions").json() == []
    for request in (host.poll(), host.answer(turn)):
        refusal(request, 409)
    refusal(bed.pod("one").claim(), 409)


def test_nobody_sees_the_sessions_of_others_but_who_may_list_all(bed: ApiBed) -> None:
    ann, bob, admin = (bed.client(name) for name in ("ann", "bob", "admin"))
    session = bed.session(ann, name="one")
    for method, path in (
        ("GET", ""),
        ("GET", "/state"),
        ("GET", "/messages"),
        ("GET", "/messages/count"),
        ("GET", "/events"),
        ("DELETE", ""),
        ("POST", "/close"),
        ("POST", "/restore"),
    ):
        refusal(bob.request(method, f"/sessions/{session}{path}"), 404)
    refusal(bob.post(f"/sessions/{session}/messages", json={"content": "x"}), 404)
    assert bob.get("/sessions").json() == []
    assert [one["id"] for one in ann.get("/sessions").json()] == [session]
    assert [one["id"] for one in admin.get("/sessions").json()] == [session]
    assert admin.get(f"/sessions/{session}").status_code == 200


def test_a_role_in_one_space_shows_that_space_alone(bed: ApiBed) -> None:
    bed.space("lab")
    bed.account("carl", "user", "lab")
    bed.account("lead", "admin", "lab")
    carl, lead, admin = (bed.client(name) for name in ("carl", "lead", "admin"))
    bed.session(admin, name="here")
    there = bed.session(admin, name="there", space="lab")
    refusal(carl.post("/sessions", json={"space": SPACE}), 404)
    assert carl.get("/sessions").json() == []
    assert [one["id"] for one in lead.get("/sessions").json()] == [there]
    assert [one["name"] for one in carl.get("/spaces").json()] == ["lab"]
    own = bed.session(carl, space="lab")
    assert lead.delete(f"/sessions/{own}").status_code == 204


def test_an_account_without_a_role_may_nothing(bed: ApiBed) -> None:
    bed.account("nobody", None)
    nobody = bed.client("nobody")
    refusal(nobody.get("/sessions"), 403)
    refusal(nobody.post("/sessions", json={"space": SPACE}), 403)
    assert nobody.get("/auth/me").json()["user"] == "nobody"


def test_the_state_of_a_record_is_the_same_in_sql(bed: ApiBed) -> None:
    ann = bed.client("ann")
    seen = (None, "init", "idle", "busy", "closed", "errored")
    refused = [{"type": "Mirrored", "status": "False", "reason": "Refused", "message": "no"}]
    other = [{"type": "Ready", "status": "False", "reason": "Refused"}]
    combinations = list(
        product(
            (False, True),
            seen,
            ((None, False), (None, True), ("idle", False), ("busy", False), ("busy", True)),
            ([], refused, [*other, *refused]),
        )
    )
    now = datetime.now(UTC)
    with bed.database() as db:
        for number, (closed, cr_state, host, conditions) in enumerate(combinations):
            host_state, host_silent = host
            db.add(
                SessionRecord(
                    id=f"s{number:03}",
                    name=f"s{number:03}",
                    space=SPACE,
                    spec={},
                    closed=closed,
                    cr_state=cr_state,
                    host_state=host_state,
                    host_silent=host_silent,
                    conditions=conditions,
                    created_by="ann",
                    created_at=now,
                    last_activity_at=now,
                )
            )
        db.commit()
        rows = db.exec(select(SessionRecord, repository.state_column())).all()
    assert len(rows) == len(combinations)
    assert [(row.id, session_state(row)) for row, _ in rows] == [(row.id, st) for row, st in rows]
    for wanted in ("init", "idle", "busy", "closed", "errored"):
        page = ann.get("/sessions", params={"state": wanted, "limit": 1000}).json()
        assert {one["state"] for one in page} == {wanted}
    assert ann.get("/sessions", params={"state": "error"}).json() == (
        ann.get("/sessions", params={"state": "errored"}).json()
    )


def test_sessions_are_listed_newest_first_in_pages_and_narrowed(bed: ApiBed) -> None:
    ann = bed.client("ann")
    bed.space("lab")
    ids = [bed.session(ann, name=f"n-{number}") for number in range(5)]
    other = bed.session(ann, space="lab")
    page = ann.get("/sessions", params={"limit": 2, "space": SPACE})
    listed = page.json()
    # A page does not shift when rows come or go.
    ann.delete(f"/sessions/{ids[4]}")
    bed.session(ann, name="newer")
    while following := page.links.get("next", {}).get("url"):
        page = ann.get(following.removeprefix("/api/v0"))
        listed += page.json()
    assert [one["id"] for one in listed] == ids[::-1]
    assert [one["id"] for one in ann.get("/sessions", params={"q": "n-1"}).json()] == [ids[1]]
    assert [one["id"] for one in ann.get("/sessions", params={"q": other}).json()] == [other]
    for text in ("%", "_", "\\"):
        assert ann.get("/sessions", params={"q": text}).json() == []
    for bad in ({"state": "tired"}, {"after": "x"}, {"limit": 0}, {"colour": "red"}):
        refusal(ann.get("/sessions", params=bad), 422)


def test_a_name_whose_session_is_being_deleted_says_so(bed: ApiBed) -> None:
    ann = bed.client("ann")
    ann.delete(f"/sessions/{bed.session(ann, name='again')}")
    problem = refusal(ann.post("/sessions", json={"space": SPACE, "name": "again"}), 409)
    assert "is still being deleted" in problem["detail"]
