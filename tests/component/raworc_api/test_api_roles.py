"""Roles and bindings: nobody grants what they do not hold, and what ends, ends where it held."""

from typing import Any

import pytest
from tests.support.api_bed import SPACE, ApiBed, refusal

READ = {"resources": ["sessions"], "verbs": ["get", "list"]}
BUILTIN = ["admin", "developer", "operator", "user", "viewer"]


def bound(bed: ApiBed, **query: str) -> list[tuple[str, str, str | None]]:
    rows = bed.client("admin").get("/role-bindings", params=query).json()
    return [(one["principal_name"], one["role_name"], one["space"]) for one in rows]


def binding(role: str, name: str, space: str | None = None) -> dict[str, Any]:
    return {"role_name": role, "principal_name": name, "space": space}


def test_a_role_is_made_changed_and_removed(bed: ApiBed) -> None:
    admin = bed.client("admin")
    body = {"name": "reader", "rules": [READ], "description": "Reads."}
    made = admin.post("/roles", json=body)
    assert made.status_code == 201
    assert made.headers["location"] == "/api/v0/roles/reader"
    role = made.json()
    assert role["rules"] == [{"api_groups": ["*"], **READ, "resource_names": None}]
    assert (role["id"], role["is_builtin"]) == ("reader", False)
    refusal(admin.post("/roles", json=body), 409)
    assert admin.patch("/roles/reader", json={"rules": []}).json()["description"] == "Reads."
    assert admin.get("/roles/reader").json()["rules"] == []
    assert admin.delete("/roles/reader").status_code == 204
    refusal(admin.get("/roles/reader"), 404)
    refusal(admin.patch("/roles/reader", json={}), 404)


def test_the_roles_of_the_product_are_there_and_stay_as_they_are(bed: ApiBed) -> None:
    admin = bed.client("admin")
    page = admin.get("/roles", params={"limit": 3})
    names = [one["name"] for one in page.json()]
    rest = admin.get(page.links["next"]["url"].removeprefix("/api/v0")).json()
    assert names + [one["name"] for one in rest] == BUILTIN
    assert all(one["is_builtin"] and one["description"] for one in [*page.json(), *rest])
    for name in BUILTIN:
        refusal(admin.patch(f"/roles/{name}", json={"rules": []}), 409)
        refusal(admin.delete(f"/roles/{name}"), 409)
        refusal(admin.post("/roles", json={"name": name, "rules": []}), 409)


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x"},
        {"name": "X", "rules": []},
        {"name": "x", "rules": [{"resources": ["sessions"]}]},
        {"name": "x", "rules": [{**READ, "verbs": []}]},
        {"name": "x", "rules": [{**READ, "verbs": ["get", ""]}]},
        {"name": "x", "rules": [{**READ, "verbs": ["g*"]}]},
        {"name": "x", "rules": [{**READ, "nonresource": []}]},
        {"name": "x", "rules": [{**READ, "resources": ["a"] * 33}]},
        {"name": "x", "rules": [READ] * 51},
    ],
)
def test_a_role_that_cannot_be_is_refused(bed: ApiBed, body: dict[str, object]) -> None:
    refusal(bed.client("admin").post("/roles", json=body), 422)


def test_a_binding_holds_in_its_space_alone(bed: ApiBed) -> None:
    bed.space("lab")
    bed.account("carl", None)
    carl, admin = bed.client("carl"), bed.client("admin")
    refusal(carl.get("/spaces"), 403)
    made = admin.post("/role-bindings", json=binding("viewer", "carl", SPACE))
    assert made.status_code == 201
    assert made.headers["location"] == f"/api/v0/role-bindings/{made.json()['id']}"
    assert made.json()["principal_type"] == "ServiceAccount"
    assert [one["name"] for one in carl.get("/spaces").json()] == [SPACE]
    assert carl.get(f"/spaces/{SPACE}").status_code == 200
    refusal(carl.get("/spaces/lab"), 404)
    refusal(carl.delete(f"/spaces/{SPACE}"), 403)


def test_one_binding_is_removed_and_no_other(bed: ApiBed) -> None:
    bed.space("lab")
    admin = bed.client("admin")
    made = {
        space: admin.post("/role-bindings", json=binding("developer", "ann", space)).json()["id"]
        for space in (SPACE, "lab", None)
    }
    admin.post("/role-bindings", json=binding("developer", "bob", "lab"))
    assert admin.delete(f"/role-bindings/{made['lab']}").status_code == 204
    assert bound(bed, role_name="developer") == [
        ("ann", "developer", SPACE),
        ("ann", "developer", None),
        ("bob", "developer", "lab"),
    ]
    assert bound(bed, space="lab") == [("bob", "developer", "lab")]
    refusal(admin.get(f"/role-bindings/{made['lab']}"), 404)
    assert admin.get(f"/role-bindings/{made[SPACE]}").json()["space"] == SPACE
    for name in ("x", "0", "-1", "99999999999", "2147483648", "²"):
        refusal(admin.get(f"/role-bindings/{name}"), 404)


@pytest.mark.parametrize("space", [SPACE, None])
def test_a_role_is_bound_once(bed: ApiBed, space: str | None) -> None:
    admin = bed.client("admin")
    body = binding("viewer", "ann", space)
    assert admin.post("/role-bindings", json=body).status_code == 201
    refusal(admin.post("/role-bindings", json=body), 409)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (binding("nothing", "ann"), 422),
        (binding("viewer", "nobody"), 422),
        (binding("viewer", "ann", "nowhere"), 404),
        ({**binding("viewer", "ann"), "principal_type": "Group"}, 422),
    ],
)
def test_a_binding_of_what_is_not_there_is_refused(
    bed: ApiBed, body: dict[str, object], status: int
) -> None:
    refusal(bed.client("admin").post("/role-bindings", json=body), status)


def test_a_role_that_somebody_has_is_not_removed(bed: ApiBed) -> None:
    admin = bed.client("admin")
    admin.post("/roles", json={"name": "reader", "rules": [READ]})
    made = admin.post("/role-bindings", json=binding("reader", "ann")).json()
    refusal(admin.delete("/roles/reader"), 409)
    admin.delete(f"/role-bindings/{made['id']}")
    assert admin.delete("/roles/reader").status_code == 204


def test_who_administers_a_space_binds_in_it_and_sees_nothing_else(bed: ApiBed) -> None:
    bed.space("lab")
    bed.account("lead", "admin", SPACE)
    lead, admin = bed.client("lead"), bed.client("admin")
    hidden = admin.post("/role-bindings", json=binding("viewer", "bob", "lab")).json()["id"]
    made = lead.post("/role-bindings", json=binding("admin", "bob", SPACE))
    assert made.status_code == 201
    refusal(lead.post("/role-bindings", json=binding("viewer", "bob", "lab")), 404)
    refusal(lead.post("/role-bindings", json=binding("viewer", "bob")), 403)
    shown = [(one["principal_name"], one["space"]) for one in lead.get("/role-bindings").json()]
    assert shown == [("lead", SPACE), ("bob", SPACE)]
    refusal(lead.get(f"/role-bindings/{hidden}"), 404)
    refusal(lead.delete(f"/role-bindings/{hidden}"), 404)
    assert lead.delete(f"/role-bindings/{made.json()['id']}").status_code == 204


def test_nobody_grants_what_they_do_not_hold(bed: ApiBed) -> None:
    admin = bed.client("admin")
    rules = [
        {"resources": ["roles", "role-bindings"], "verbs": ["*"]},
        {"resources": ["sessions"], "verbs": ["get", "list", "create"]},
        {"resources": ["spaces"], "verbs": ["get"]},
    ]
    assert admin.post("/roles", json={"name": "granter", "rules": rules}).status_code == 201
    bed.account("carl", "granter")
    carl = bed.client("carl")
    made = carl.post("/roles", json={"name": "reader", "rules": [READ]})
    assert made.status_code == 201, made.text
    for wider in (
        {"resources": ["sessions"], "verbs": ["get", "delete"]},
        {"resources": ["sessions"], "verbs": ["*"]},
        {"resources": ["*"], "verbs": ["get"]},
        {"resources": ["service-accounts"], "verbs": ["get"]},
    ):
        refusal(carl.post("/roles", json={"name": "wide", "rules": [wider]}), 403)
        refusal(carl.patch("/roles/reader", json={"rules": [READ, wider]}), 403)
    assert carl.get("/roles/reader").json()["rules"] == made.json()["rules"]
    assert carl.post("/role-bindings", json=binding("reader", "carl")).status_code == 201
    for role in ("admin", "developer", "viewer"):
        refusal(carl.post("/role-bindings", json=binding(role, "carl")), 403)
        refusal(carl.post("/role-bindings", json=binding(role, "carl", SPACE)), 403)


def test_a_changed_role_changes_what_its_bearers_may_do_at_once(bed: ApiBed) -> None:
    admin = bed.client("admin")
    admin.post("/roles", json={"name": "reader", "rules": [READ]})
    bed.account("carl", "reader")
    here, there = bed.client("carl"), bed.client("carl", 1)
    assert [client.get("/sessions").status_code for client in (here, there)] == [200, 200]
    admin.patch("/roles/reader", json={"rules": []})
    refusal(here.get("/sessions"), 403)


def test_a_session_of_others_can_be_given_by_its_name(bed: ApiBed) -> None:
    ann, admin = bed.client("ann"), bed.client("admin")
    given, hidden = bed.session(ann, name="one"), bed.session(ann, name="two")
    rules = [
        {"resources": ["sessions", "messages"], "verbs": ["get"], "resource_names": [given]},
        {"resources": ["sessions"], "verbs": ["get", "list", "delete"]},
    ]
    admin.post("/roles", json={"name": "guest", "rules": rules})
    bed.account("carl", "guest", SPACE)
    carl = bed.client("carl")
    assert carl.get(f"/sessions/{given}").json()["created_by"] == "ann"
    refusal(carl.get(f"/sessions/{hidden}"), 404)
    refusal(carl.delete(f"/sessions/{given}"), 404)
    assert carl.get("/sessions").json() == []


def test_an_agent_is_given_by_its_name(bed: ApiBed) -> None:
    admin = bed.client("admin")
    other = {"name": "other", "source_repo": "https://example.com/other.git"}
    assert admin.post(f"/spaces/{SPACE}/agents", json=other).status_code == 201
    rules = [
        {"resources": ["spaces"], "verbs": ["get"]},
        {"resources": ["agents"], "verbs": ["get", "delete", "create"], "resource_names": ["echo"]},
    ]
    admin.post("/roles", json={"name": "keeper", "rules": rules})
    bed.account("carl", "keeper", SPACE)
    carl = bed.client("carl")
    assert carl.get(f"/spaces/{SPACE}/agents/echo").status_code == 200
    refusal(carl.get(f"/spaces/{SPACE}/agents/other"), 403)
    refusal(carl.delete(f"/spaces/{SPACE}/agents/other"), 403)
    refusal(carl.get(f"/spaces/{SPACE}/agents"), 403)
    refusal(carl.post(f"/spaces/{SPACE}/agents", json={**other, "name": "third"}), 403)
    assert carl.delete(f"/spaces/{SPACE}/agents/echo").status_code == 204
