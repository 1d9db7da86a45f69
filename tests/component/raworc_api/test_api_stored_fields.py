"""What a newer version stored is read, and kept by a change through REST."""

from typing import Any

import httpx2
import pytest
from tests.support.api_bed import ECHO, SPACE, ApiBed

from raworc_api.sessions.tables import SessionRecord
from raworc_api.spaces.tables import SpaceRecord

CONDITION = {"type": "Ready", "status": "True", "reason": "Ready"}
STORED: dict[str, Any] = {
    "agents": [{**ECHO, "gpu": {"model": "new"}}, {"name": "second", "repo": "o/second"}],
    "quota": {"sessions": 5, "gpus": 1},
    "resources": {"limits": {"cpu": "1", "gpu": "2"}},
    "storageSize": "1Gi",
    "newest": {"deep": [{"deeper": True}]},
    "settings": {"known": "1", "k" * 64: "too long a key", "": "an empty one", "odd": 7},
}


@pytest.fixture
def admin(bed: ApiBed) -> httpx2.Client:
    """Return an administrator, beside a space whose record a newer version wrote."""
    with bed.database() as db:
        space = db.get_one(SpaceRecord, SPACE)
        space.spec = STORED
        space.status = {
            "conditions": [{**CONDITION, "since": 1}, {"type": "New", "status": "Maybe"}],
            "build": {"state": "dreaming", "agents": [{"name": "echo"}]},
            "newest": 1,
        }
        db.commit()
    return bed.client("admin")


def stored_spec(bed: ApiBed) -> dict[str, Any]:
    with bed.database() as db:
        return db.get_one(SpaceRecord, SPACE).spec


def test_a_space_of_a_newer_version_is_listed_with_what_is_understood(
    admin: httpx2.Client,
) -> None:
    (space,) = admin.get("/spaces").json()
    assert [agent["name"] for agent in space["agents"]] == ["echo", "second"]
    assert space["quota"]["sessions"] == 5
    assert space["storage_size"] == "1Gi"
    assert space["settings"] == {"known": "1"}
    assert space["resources"]["limits"]["cpu"] == "1"
    assert [condition["type"] for condition in space["conditions"]] == ["Ready"]
    assert "gpu" not in str(space)
    agents = admin.get(f"/spaces/{SPACE}/agents")
    assert agents.status_code == 200, agents.text


def test_a_change_keeps_the_fields_of_a_newer_version_at_every_depth(
    bed: ApiBed, admin: httpx2.Client
) -> None:
    echo = {**ECHO, "purpose": "Says it again"}
    third = {"name": "third", "repo": "o/third"}
    body = {"description": "Ours", "agents": [echo, third], "quota": {"sessions": 7}}
    changed = admin.patch(f"/spaces/{SPACE}", json=body)
    assert changed.status_code == 200, changed.text
    assert stored_spec(bed) == {
        "description": "Ours",
        "agents": [{**echo, "gpu": {"model": "new"}}, third],
        "quota": {"sessions": 7, "gpus": 1},
        "resources": {"limits": {"cpu": "1", "gpu": "2"}},
        "storageSize": "1Gi",
        "newest": {"deep": [{"deeper": True}]},
        "settings": STORED["settings"],
    }


def test_agents_come_and_go_beside_the_fields_of_a_newer_version(
    bed: ApiBed, admin: httpx2.Client
) -> None:
    body = {"name": "third", "source_repo": "o/third"}
    assert admin.post(f"/spaces/{SPACE}/agents", json=body).status_code == 201
    assert admin.delete(f"/spaces/{SPACE}/agents/second").status_code == 204
    agents = [STORED["agents"][0], {"name": "third", "repo": "o/third"}]
    assert stored_spec(bed) == {**STORED, "agents": agents}


def test_a_field_that_is_not_understood_is_still_refused_in_a_request(
    bed: ApiBed, admin: httpx2.Client
) -> None:
    assert admin.patch(f"/spaces/{SPACE}", json={"newest": 1}).status_code == 422
    assert stored_spec(bed) == STORED


def test_a_session_of_a_newer_version_is_shown_closed_and_kept(
    bed: ApiBed, admin: httpx2.Client
) -> None:
    session_id = bed.session(admin, metadata={"team": "red"})
    with bed.database() as db:
        session = db.get_one(SessionRecord, session_id)
        session.spec = {**session.spec, "fork": {"session": "first", "files": True}}
        session.conditions = [{**CONDITION, "since": 1}, {"type": "New", "status": "Maybe"}]
        session.status, session.cr_state = {"state": "dreaming", "newest": 1}, "dreaming"
        db.commit()
    (shown,) = admin.get("/sessions").json()
    assert shown["metadata"] == {"team": "red"}
    assert [condition["type"] for condition in shown["conditions"]] == ["Ready"]
    assert admin.post(f"/sessions/{session_id}/close").status_code == 200
    with bed.database() as db:
        spec = db.get_one(SessionRecord, session_id).spec
    assert spec["closed"] is True
    assert spec["fork"] == {"session": "first", "files": True}
