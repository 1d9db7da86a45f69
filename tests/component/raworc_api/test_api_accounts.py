"""Accounts: made, described, disabled and deleted, and never without an administrator."""

from typing import Any

import httpx2
import pytest
from tests.support.api_bed import SPACE, ApiBed, refusal

from raworc_api.accounts.tables import Account

PASSWORD = "a good long password"
NEW = "another good password"


def make(bed: ApiBed, name: str, **body: object) -> dict[str, Any]:
    made = bed.client("admin").post("/service-accounts", json={"user": name, **body})
    assert made.status_code == 201, made.text
    account: dict[str, Any] = made.json()
    return account


def bind(bed: ApiBed, name: str, role: str, space: str | None = None) -> str:
    body = {"role_name": role, "principal_name": name, "space": space}
    made = bed.client("admin").post("/role-bindings", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def login(bed: ApiBed, name: str, password: str = PASSWORD, replica: int = 0) -> httpx2.Client:
    body = {"user": name, "pass": password}
    given = bed.bearing(None, replica).post("/auth/login", json=body)
    assert given.status_code == 200, given.text
    return bed.bearing(given.json()["token"], replica)


def test_an_account_is_made_and_logs_in(bed: ApiBed) -> None:
    body = {"user": "carl@example.com", "pass": PASSWORD, "description": "A person."}
    admin = bed.client("admin")
    made = admin.post("/service-accounts", json=body)
    assert made.status_code == 201
    assert made.headers["location"] == "/api/v0/service-accounts/carl@example.com"
    account = made.json()
    assert account["user"] == account["id"] == "carl@example.com"
    assert (account["description"], account["active"]) == ("A person.", True)
    assert account["last_login_at"] is None
    assert "password" not in made.text
    carl = login(bed, "carl@example.com")
    me = carl.get("/auth/me").json()
    assert (me["user"], me["rules"], me["role_bindings"]) == ("carl@example.com", [], [])
    assert admin.get("/service-accounts/carl@example.com").json()["last_login_at"] is not None


def test_accounts_are_listed_by_name_in_pages(bed: ApiBed) -> None:
    admin = bed.client("admin")
    page = admin.get("/service-accounts", params={"limit": 2})
    assert [one["user"] for one in page.json()] == ["admin", "ann"]
    following = page.links["next"]["url"].removeprefix("/api/v0")
    assert [one["user"] for one in admin.get(following).json()] == ["bob"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user": ""},
        {"user": "Carl"},
        {"user": "-carl"},
        {"user": "a b"},
        {"user": "../carl"},
        {"user": "carl\n"},
        {"user": "kubectl"},
        {"user": "c" * 101},
        {"user": "carl", "pass": "too short"},
        {"user": "carl", "pass": None, "role": "admin"},
        {"user": "carl", "description": "x" * 1025},
    ],
)
def test_an_account_that_cannot_be_is_refused(bed: ApiBed, body: dict[str, object]) -> None:
    refusal(bed.client("admin").post("/service-accounts", json=body), 422)


def test_a_name_is_taken_once_and_for_good(bed: ApiBed) -> None:
    make(bed, "carl", **{"pass": PASSWORD})
    admin = bed.client("admin")
    refusal(admin.post("/service-accounts", json={"user": "carl"}), 409)
    bind(bed, "carl", "user")
    session = bed.session(login(bed, "carl"))
    assert admin.delete("/service-accounts/carl").status_code == 204
    refusal(admin.get("/service-accounts/carl"), 404)
    # Nobody gets the name, and with it what the account made.
    assert (
        "not given again"
        in refusal(admin.post("/service-accounts", json={"user": "carl"}), 409)["detail"]
    )
    assert admin.get(f"/sessions/{session}").json()["created_by"] == "carl"
    assert "carl" not in [one["user"] for one in admin.get("/service-accounts").json()]
    assert admin.get("/role-bindings", params={"principal_name": "carl"}).json() == []
    refusal(admin.delete("/service-accounts/carl"), 404)
    refusal(admin.patch("/service-accounts/carl", json={"active": True}), 404)


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_an_account_is_changed_in_what_is_given(bed: ApiBed, method: str) -> None:
    make(bed, "carl", description="old")
    admin, path = bed.client("admin"), "/service-accounts/carl"
    assert admin.request(method, path, json={"active": False}).json()["description"] == "old"
    changed = admin.request(method, path, json={"description": None}).json()
    assert (changed["description"], changed["active"]) == (None, False)


def test_who_may_not_see_accounts_sees_their_own(bed: ApiBed) -> None:
    ann = bed.client("ann")
    assert ann.get("/service-accounts/ann").json()["user"] == "ann"
    for name in ("bob", "nobody"):
        refusal(ann.get(f"/service-accounts/{name}"), 403)
    refusal(ann.get("/service-accounts"), 403)
    refusal(ann.patch("/service-accounts/ann", json={"description": "x"}), 403)
    refusal(ann.delete("/service-accounts/ann"), 403)


def test_one_space_gives_no_right_over_accounts_and_roles(bed: ApiBed) -> None:
    bed.account("lead", "admin", SPACE)
    lead = bed.client("lead")
    for path in ("/service-accounts", "/service-accounts/ann", "/roles", "/roles/user"):
        refusal(lead.get(path), 403)
    refusal(lead.post("/service-accounts", json={"user": "carl"}), 403)
    refusal(lead.post("/roles", json={"name": "mine", "rules": []}), 403)
    refusal(lead.delete("/service-accounts/ann"), 403)


def test_a_disabled_account_is_out_and_comes_back(bed: ApiBed) -> None:
    make(bed, "carl", **{"pass": PASSWORD})
    carl, admin = login(bed, "carl"), bed.client("admin")
    assert carl.get("/auth/me").status_code == 200
    admin.patch("/service-accounts/carl", json={"active": False})
    refusal(carl.get("/auth/me"), 401)
    body = {"user": "carl", "pass": PASSWORD}
    refusal(bed.bearing(None).post("/auth/login", json=body), 401)
    admin.patch("/service-accounts/carl", json={"active": True})
    # The login ended; a new one is needed.
    refusal(carl.get("/auth/me"), 401)
    assert login(bed, "carl").get("/auth/me").status_code == 200


def test_a_person_changes_their_own_password_with_the_one_before(bed: ApiBed) -> None:
    make(bed, "carl", **{"pass": PASSWORD})
    carl, path = login(bed, "carl"), "/service-accounts/carl/password"
    for body in ({"new_password": NEW}, {"new_password": NEW, "current_password": "wrong"}):
        problem = refusal(carl.put(path, json=body), 422)
        assert problem["errors"][0]["pointer"] == "/current_password"
    refusal(carl.put(path, json={"current_password": PASSWORD, "new_password": "short"}), 422)
    good = {"current_password": PASSWORD, "new_password": NEW}
    assert carl.put(path, json=good).status_code == 204
    refusal(carl.get("/auth/me"), 401)
    refusal(bed.bearing(None).post("/auth/login", json={"user": "carl", "pass": PASSWORD}), 401)
    assert login(bed, "carl", NEW).get("/auth/me").status_code == 200


def test_an_administrator_resets_a_password(bed: ApiBed) -> None:
    make(bed, "carl", **{"pass": PASSWORD})
    carl, path = login(bed, "carl"), "/service-accounts/carl/password"
    assert bed.client("admin").put(path, json={"new_password": NEW}).status_code == 204
    refusal(carl.get("/auth/me"), 401)
    assert login(bed, "carl", NEW).get("/auth/me").status_code == 200
    refusal(bed.client("ann").put(path, json={"new_password": PASSWORD}), 403)
    missing = "/service-accounts/nobody/password"
    refusal(bed.client("admin").put(missing, json={"new_password": NEW}), 404)


def test_the_password_of_admin_is_that_of_the_installation(bed: ApiBed) -> None:
    body = {"new_password": NEW}
    refused = bed.client("admin").put("/service-accounts/admin/password", json=body)
    assert "Secret" in refusal(refused, 409)["detail"]


def test_nobody_acts_for_an_account_that_may_do_more(bed: ApiBed) -> None:
    rules = [{"resources": ["service-accounts"], "verbs": ["get", "update"]}]
    admin = bed.client("admin")
    assert admin.post("/roles", json={"name": "help", "rules": rules}).status_code == 201
    for name in ("helper", "boss", "peer", "idle"):
        make(bed, name, **{"pass": PASSWORD})
    bind(bed, "helper", "help")
    bind(bed, "peer", "help")
    bind(bed, "boss", "admin")
    bind(bed, "idle", "user")
    admin.patch("/service-accounts/idle", json={"active": False})
    helper = bed.client("helper")
    for name, status in (("peer", 204), ("boss", 403), ("idle", 403)):
        answer = helper.put(f"/service-accounts/{name}/password", json={"new_password": NEW})
        assert answer.status_code == status, answer.text
        token = helper.post(f"/service-accounts/{name}/token", json={"name": "t"})
        assert token.status_code == (201 if status == 204 else 403), token.text


@pytest.mark.parametrize("way", ["disable", "delete", "unbind"])
def test_the_last_administrator_stays(bed: ApiBed, way: str) -> None:
    admin = bed.client("admin")
    bound = admin.get("/role-bindings", params={"principal_name": "admin"}).json()
    second = bind(bed, "ann", "admin")
    # An administrator of one space, or one who is disabled, is none of the whole.
    bed.account("lead", "admin", SPACE)
    make(bed, "off")
    bind(bed, "off", "admin")
    admin.patch("/service-accounts/off", json={"active": False})

    def end(client: httpx2.Client) -> httpx2.Response:
        match way:
            case "disable":
                return client.patch("/service-accounts/admin", json={"active": False})
            case "delete":
                return client.delete("/service-accounts/admin")
            case _:
                return client.delete(f"/role-bindings/{bound[0]['id']}")

    assert admin.delete(f"/role-bindings/{second}").status_code == 204
    assert "Nobody would be left" in refusal(end(admin), 409)["detail"]
    assert admin.get("/spaces").status_code == 200
    bind(bed, "ann", "admin")
    assert end(bed.client("ann")).status_code in {200, 204}
    assert admin.get("/spaces").status_code in {401, 403}


def test_admins_that_remove_each_other_leave_one(bed: ApiBed) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    bind(bed, "ann", "admin")
    one, other = bed.client("admin"), bed.client("ann", 1)
    with ThreadPoolExecutor(2) as pool:
        gone = [
            pool.submit(one.delete, "/service-accounts/ann"),
            pool.submit(other.delete, "/service-accounts/admin"),
        ]
    statuses = sorted(answer.result().status_code for answer in gone)
    assert statuses[0] == 204
    assert statuses[1] in {401, 403, 409}
    with bed.database() as db:
        left = [db.get_one(Account, name).active for name in ("admin", "ann")]
    assert sorted(left) == [False, True]


def test_can_i_answers_as_the_routes_do(bed: ApiBed) -> None:
    bed.account("dev", "developer", SPACE)
    dev = bed.client("dev")

    def can(**ask: str) -> bool:
        return bool(dev.post("/auth/can-i", json=ask).json()["allowed"])

    assert can(resource="sessions", verb="create", space=SPACE)
    assert not can(resource="sessions", verb="create", space="lab")
    assert not can(resource="sessions", verb="create")
    assert not can(resource="sessions", verb="list-all", space=SPACE)
    refusal(dev.post("/auth/can-i", json={"resource": "sessions"}), 422)
    me = dev.get("/auth/me").json()
    assert me["role_bindings"] == [{"role": "developer", "space": SPACE}]
    assert {rule["space"] for rule in me["rules"]} == {SPACE}
    assert me["token_rules"] is None
