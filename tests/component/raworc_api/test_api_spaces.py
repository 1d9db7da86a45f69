"""Spaces, their agents and their builds over REST."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from sqlmodel import Session, select
from tests.support.api_bed import ECHO, SPACE, ApiBed, refusal

from raworc_api.builds.tables import BuildRecord
from raworc_api.mirror.tables import OutboxRow
from raworc_api.spaces.tables import SpaceRecord
from raworc_kube.errors import ClusterError

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def admin(bed: ApiBed) -> httpx2.Client:
    return bed.client("admin")


def pending(bed: ApiBed) -> set[tuple[str, str]]:
    """Return what waits in the outbox; then empty it."""
    with bed.database() as db:
        rows = db.exec(select(OutboxRow)).all()
        for row in rows:
            db.delete(row)
        db.commit()
    return {(row.kind, row.name) for row in rows}


def add_build(db: Session, build_id: str, minutes: int, **fields: object) -> None:
    facts: dict[str, Any] = {
        "status": "completed",
        "agents": [{"name": "echo", "commit": "c1"}],
        **fields,
    }
    db.add(
        BuildRecord(
            space=SPACE,
            build_id=build_id,
            started_at=NOON + timedelta(minutes=minutes),
            image_tag=f"raworc_space_{SPACE}:{build_id}",
            **facts,
        )
    )
    db.commit()


def report(bed: ApiBed, **status: object) -> None:
    """Set a space's status, as the mirror does after the operator's word."""
    with bed.database() as db:
        db.get_one(SpaceRecord, SPACE).status = status
        db.commit()


def test_a_space_is_created_with_all_that_it_may_have(bed: ApiBed, admin: httpx2.Client) -> None:
    pending(bed)
    fields = {
        "description": "a lab",
        "settings": {"tone": "kind"},
        "agents": [{**ECHO, "ref": "main", "path": "echo", "purpose": "echoes"}],
        "resources": {"requests": {"cpu": "100m"}},
        "storage_size": "2Gi",
        "storage_class_name": "fast",
        "quota": {"sessions": 3, "memory": "4Gi"},
        "network": {"internet": False, "egress": [{"cidr": "10.7.0.0/16", "ports": [5432]}]},
        "busy_timeout_seconds": 30,
    }
    made = admin.post("/spaces", json={"name": "lab", **fields})
    assert made.status_code == 201, made.text
    assert made.headers["location"] == "/api/v0/spaces/lab"
    assert made.headers["etag"] == '"1"'
    space = made.json()
    assert {name: _without_null(space[name]) for name in fields} == fields
    assert (space["created_by"], space["ready"], space["conditions"]) == ("admin", False, [])
    assert pending(bed) == {("Space", "lab")}
    with bed.database() as db:
        spec = db.get_one(SpaceRecord, "lab").spec
    assert (spec["storageSize"], spec["busyTimeoutSeconds"]) == ("2Gi", 30)
    assert "name" not in spec
    assert admin.get("/spaces/lab").json() == space


def _without_null(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_null(inner) for key, inner in value.items() if inner is not None}
    return [_without_null(inner) for inner in value] if isinstance(value, list) else value


def test_a_name_is_taken_once(admin: httpx2.Client) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = pool.map(lambda _: admin.post("/spaces", json={"name": "lab"}), range(4))
    assert sorted(response.status_code for response in made) == [201, 409, 409, 409]
    admin.delete("/spaces/lab")
    # The name is free when the cluster has nothing of it any more.
    refusal(admin.post("/spaces", json={"name": "lab"}), 409)


@pytest.mark.parametrize(
    ("body", "pointer", "word"),
    [
        ({"colour": "red"}, "/colour", "Unknown field"),
        ({"storageSize": "1Gi"}, "/storageSize", "Unknown field"),
        ({"agents": [{**ECHO, "branch": "main"}]}, "/agents/0/branch", "Unknown field"),
        ({"agents": "echo"}, "/agents", "list"),
        ({"agents": None}, "/agents", "list"),
        ({"agents": [{**ECHO, "name": "Echo"}]}, "/agents/0/name", "lower-case"),
        ({"agents": [ECHO, ECHO]}, "/", "`agents`: 'echo'"),
        ({"agents": [{"name": "echo"}]}, "/agents/0/repo", "is required"),
        (
            {"agents": [{**ECHO, "repo": "https://me:x@host.example/a"}]},
            "/agents/0/repo",
            "without credentials",
        ),
        ({"agents": [{**ECHO, "repo": "file:///etc"}]}, "/agents/0/repo", "`repo` must"),
        ({"agents": [{**ECHO, "ref": "--upload-pack=x"}]}, "/agents/0/ref", "`ref` must"),
        ({"agents": [{**ECHO, "path": "../x"}]}, "/agents/0/path", "`path` must"),
        ({"description": "x" * 1025}, "/description", "1024"),
        ({"quota": {"sessions": -1}}, "/quota/sessions", "0"),
        ({"resources": {"limits": {"cpu": "0"}}}, "/resources/limits/cpu", "must be more than 0"),
        ({"storage_size": 0}, "/storage_size", "must be more than 0"),
        (
            {"network": {"egress": [{"cidr": "10.7.0.1/16"}]}},
            "/network/egress/0/cidr",
            "shortest form, such as '10.1.0.0/16'",
        ),
        (
            {"network": {"egress": [{"cidr": "169.254.169.254/32"}]}},
            "/network/egress/0/cidr",
            "must not be inside of 0.0.0.0/8",
        ),
        (
            {"network": {"egress": [{"cidr": "::/0", "ports": [0]}]}},
            "/network/egress/0/ports/0",
            "1",
        ),
        ({"network": {"ingress": []}}, "/network/ingress", "Unknown field"),
        ({"name": "Upper"}, "/name", "lower-case"),
        ({"name": ".."}, "/name", "lower-case"),
        ({"name": "x" * 41}, "/name", "40"),
        ({"name": "system"}, "/name", "'system'"),
        ({"name": 7}, "/name", "string"),
    ],
)
def test_a_bad_space_is_refused_by_the_field(
    admin: httpx2.Client, body: dict[str, Any], pointer: str, word: str
) -> None:
    problem = refusal(admin.post("/spaces", json={"name": "lab", **body}), 422)
    (fault,) = problem["errors"]
    assert fault["pointer"] == pointer
    assert word in fault["detail"]
    assert admin.post("/spaces", json={"name": "lab"}).status_code == 201


def test_a_patch_replaces_what_it_names_and_null_takes_away(
    bed: ApiBed, admin: httpx2.Client
) -> None:
    admin.post(
        "/spaces",
        json={"name": "lab", "description": "old", "storage_size": "1Gi", "agents": [ECHO]},
    )
    pending(bed)
    patched = admin.patch("/spaces/lab", json={"description": "new", "storage_size": None})
    assert patched.status_code == 200, patched.text
    assert patched.headers["etag"] == '"2"'
    space = patched.json()
    assert (space["description"], space["storage_size"]) == ("new", None)
    assert [agent["name"] for agent in space["agents"]] == ["echo"]
    assert pending(bed) == {("Space", "lab")}
    assert admin.patch("/spaces/lab", json={"description": "new"}).headers["etag"] == '"2"'
    assert pending(bed) == set()
    refusal(admin.patch("/spaces/lab", json={"agents": None}), 422)
    refusal(admin.patch("/spaces/lab", json={"agents": [ECHO, ECHO]}), 422)
    refusal(admin.patch("/spaces/lab", json={"name": "other"}), 422)


def test_a_change_decided_on_an_older_version_is_refused(admin: httpx2.Client) -> None:
    tag = admin.post("/spaces", json={"name": "lab"}).headers["etag"]
    match = {"If-Match": f'"0", {tag}'}
    assert admin.patch("/spaces/lab", json={"description": "a"}, headers=match).status_code == 200
    refusal(admin.patch("/spaces/lab", json={"description": "b"}, headers=match), 412)
    refusal(admin.delete("/spaces/lab", headers=match), 412)
    assert admin.delete("/spaces/lab", headers={"If-Match": "*"}).status_code == 204


def test_a_deleted_space_is_gone_at_once_with_its_sessions(
    bed: ApiBed, admin: httpx2.Client
) -> None:
    ann = bed.client("ann")
    session = bed.session(ann, name="one")
    pending(bed)
    assert admin.delete(f"/spaces/{SPACE}").status_code == 204
    assert pending(bed) == {("Space", SPACE), ("AgentSession", "one")}
    for method, path in (
        ("GET", f"/spaces/{SPACE}"),
        ("DELETE", f"/spaces/{SPACE}"),
        ("GET", f"/spaces/{SPACE}/agents"),
        ("GET", f"/spaces/{SPACE}/build"),
        ("POST", f"/spaces/{SPACE}/build"),
        ("GET", f"/sessions/{session}"),
    ):
        refusal(admin.request(method, path), 404)
    refusal(admin.post("/sessions", json={"space": SPACE}), 404)
    assert admin.get("/spaces").json() == []


def test_spaces_are_listed_by_name_in_pages(admin: httpx2.Client) -> None:
    for name in ("c", "a", "b"):
        admin.post("/spaces", json={"name": name})
    page = admin.get("/spaces", params={"limit": 2})
    assert [space["name"] for space in page.json()] == ["a", "b"]
    rest = admin.get(page.links["next"]["url"].removeprefix("/api/v0"))
    assert [space["name"] for space in rest.json()] == ["c", SPACE]
    assert "next" not in rest.links


def test_users_look_and_change_nothing(bed: ApiBed) -> None:
    ann = bed.client("ann")
    assert ann.get(f"/spaces/{SPACE}").status_code == 200
    assert ann.get(f"/spaces/{SPACE}/agents/echo").status_code == 200
    for method, path, body in (
        ("POST", "/spaces", {"name": "lab"}),
        ("PATCH", f"/spaces/{SPACE}", {}),
        ("DELETE", f"/spaces/{SPACE}", None),
        ("POST", f"/spaces/{SPACE}/agents", {"name": "b", "repo": "a/b"}),
        ("DELETE", f"/spaces/{SPACE}/agents/echo", None),
        ("POST", f"/spaces/{SPACE}/build", None),
    ):
        refusal(ann.request(method, path, json=body), 403)


def test_what_the_operator_saw_is_shown(bed: ApiBed, admin: httpx2.Client) -> None:
    condition = {"type": "Ready", "status": "True", "reason": "Ready", "message": "fine"}
    build = {"id": "b1", "key": "k", "state": "completed", "novel": 1}
    agents = [{"name": "echo", "commit": "c1"}]
    report(bed, image="r/x@sha256:1", conditions=[condition], build={**build, "agents": agents})
    space = admin.get(f"/spaces/{SPACE}").json()
    assert (space["ready"], space["image"]) == (True, "r/x@sha256:1")
    assert space["conditions"][0]["message"] == "fine"
    agent = admin.get(f"/spaces/{SPACE}/agents/echo").json()
    assert (agent["status"], agent["commit"]) == ("built", "c1")
    report(bed, build={"id": "b2", "key": "k", "state": "failed", "agents": agents})
    assert admin.get(f"/spaces/{SPACE}/agents/echo").json()["status"] == "failed"


def test_agents_come_and_go_one_by_one(bed: ApiBed, admin: httpx2.Client) -> None:
    pending(bed)
    path = f"/spaces/{SPACE}/agents"
    body = {
        "name": "poet",
        "source_repo": "acme/poet",
        "source_branch": "main",
        "purpose": "rhymes",
    }
    made = admin.post(path, json=body)
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"/api/v0{path}/poet"
    assert made.json()["status"] == "configured"
    assert pending(bed) == {("Space", SPACE)}
    assert [agent["name"] for agent in admin.get(path).json()] == ["echo", "poet"]
    assert admin.get(f"/spaces/{SPACE}").json()["agents"][1]["ref"] == "main"
    refusal(admin.post(path, json=body), 409)
    assert admin.delete(f"{path}/poet").status_code == 204
    refusal(admin.delete(f"{path}/poet"), 404)
    refusal(admin.get(f"{path}/poet"), 404)
    short = {"name": "poet", "repo": "acme/poet", "ref": "v1", "path": "src"}
    assert admin.post(path, json=short).json()["source_path"] == "src"


def test_agents_that_come_at_once_are_all_there(admin: httpx2.Client) -> None:
    path = f"/spaces/{SPACE}/agents"

    def add(number: int) -> int:
        body = {"name": f"a-{number}", "repo": "acme/poet"}
        return admin.post(path, json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(add, range(31))) == {201}
    assert len(admin.get(path).json()) == 32
    assert "32" in refusal(admin.post(path, json={"name": "more", "repo": "a/b"}), 422)["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "A", "repo": "a/b"}, "/name"),
        ({"name": "a"}, "/source_repo"),
        ({"name": "a", "source_repo": "/etc"}, "/source_repo"),
        ({"name": "a", "repo": "a/b", "ref": "-x"}, "/ref"),
        ({"name": "a", "repo": "a/b", "path": "a/../b"}, "/path"),
        ({"name": "a", "source_repo": "a/b", "source_path": "/a"}, "/source_path"),
        ({"name": "a", "repo": "a/b", "x": 1}, "/x"),
    ],
)
def test_a_bad_agent_is_refused_by_the_field(
    admin: httpx2.Client, body: dict[str, Any], pointer: str
) -> None:
    problem = refusal(admin.post(f"/spaces/{SPACE}/agents", json=body), 422)
    assert [fault["pointer"] for fault in problem["errors"]] == [pointer]


def test_a_build_is_asked_for(bed: ApiBed, admin: httpx2.Client) -> None:
    pending(bed)
    asked = admin.post(f"/spaces/{SPACE}/build")
    assert asked.status_code == 202
    assert asked.json() == {
        "space": SPACE,
        "build_id": None,
        "status": "pending",
        "image_tag": None,
        "started_at": None,
        "completed_at": None,
        "agents_deployed": [],
        "error": None,
    }
    assert pending(bed) == {("Space", SPACE)}

    def wish() -> str:
        with bed.database() as db:
            return str(db.get_one(SpaceRecord, SPACE).spec["rebuild"])

    first = wish()
    admin.post(f"/spaces/{SPACE}/build")
    assert wish() != first


def test_builds_are_listed_newest_first(bed: ApiBed, admin: httpx2.Client) -> None:
    path = f"/spaces/{SPACE}/build"
    refusal(admin.get(f"{path}/latest"), 404)
    with bed.database() as db:
        for minute, build_id in enumerate(("b1", "b2", "b1", "b3")):
            add_build(db, build_id, minute)
        error = {"reason": "BuildFailed", "message": "pip failed"}
        add_build(db, "b4", 9, status="failed", error=error, completed_at=NOON)
    page = admin.get(path, params={"limit": 3})
    rest = admin.get(page.links["next"]["url"].removeprefix("/api/v0"))
    ids = [build["build_id"] for build in page.json() + rest.json()]
    assert ids == ["b4", "b3", "b1", "b2", "b1"]
    latest = admin.get(f"{path}/latest").json()
    assert (latest["status"], latest["error"]) == ("failed", error)
    built = admin.get(f"{path}/b1").json()
    assert built["started_at"] == "2026-01-01T12:02:00Z"
    assert built["agents_deployed"] == [{"name": "echo", "commit": "c1"}]
    assert built["image_tag"] == f"raworc_space_{SPACE}:b1"
    refusal(admin.get(f"{path}/nothing"), 404)


def test_what_a_build_wrote_is_shown_as_text(
    bed: ApiBed, admin: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/spaces/{SPACE}/build/b1/logs"
    refusal(admin.get(path), 404)
    with bed.database() as db:
        add_build(db, "b1", 0)
    refusal(admin.get(path), 404)
    bed.cluster.logs[f"raworc-{SPACE}", "build-b1"] = "==> build\nfine é\n"
    logs = admin.get(path)
    assert logs.text == "==> build\nfine é\n"
    assert logs.headers["content-type"] == "text/plain; charset=utf-8"

    def broken(_: str, __: str) -> str:
        raise ClusterError("10.0.0.1 does not answer")

    monkeypatch.setattr(bed.cluster, "build_logs", broken)
    assert "10.0.0.1" not in refusal(admin.get(path), 503)["detail"]
