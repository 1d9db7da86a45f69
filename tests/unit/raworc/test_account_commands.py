import json
from collections.abc import Callable

import httpx2
import pytest

from raworc.credentials import Credentials, credentials_path, read_credentials, store_credentials

from .conftest import FakeApi, Run

Typed = Callable[[str], None]
CREATED = httpx2.Response(201, json={"user": "carl"})
GONE = httpx2.Response(204)
ME = httpx2.Response(200, json={"user": "ann", "role_bindings": []})
BINDING = {"id": "7", "role_name": "viewer", "principal_name": "carl", "space": None}

pytestmark = pytest.mark.usefixtures("logged_in")


def sent(api: FakeApi, number: int = -1) -> object:
    return json.loads(api.requests[number].content)


def test_login_keeps_both_tokens(
    raworc: Run, api: FakeApi, environ: dict[str, str], typed: Typed
) -> None:
    tokens = {"token": "new", "refresh_token": "r1"}
    api.on("POST", "/auth/login", httpx2.Response(200, json=tokens))
    typed("secret\n")
    assert raworc("login", "http://api.test", "--user", "ann", "--password-stdin")[0] == 0
    assert read_credentials(environ) == Credentials("http://api.test", "new", "r1")


def test_a_command_renews_the_login_that_is_kept(
    raworc: Run, api: FakeApi, environ: dict[str, str]
) -> None:
    store_credentials(Credentials("http://api.test", "old", "r1"), environ)
    api.on("GET", "/spaces", httpx2.Response(401, json={}), httpx2.Response(200, json=[]))
    new = httpx2.Response(200, json={"token": "new", "refresh_token": "r2"})
    api.on("POST", "/auth/refresh", new)
    assert raworc("spaces")[0] == 0
    assert sent(api, 1) == {"refresh_token": "r1"}
    assert read_credentials(environ) == Credentials("http://api.test", "new", "r2")


def test_a_login_is_kept_up_to_date_however_its_address_is_written(
    raworc: Run, api: FakeApi, environ: dict[str, str]
) -> None:
    store_credentials(Credentials("http://api.test", "old", "r1"), environ)
    environ["RAWORC_URL"] = "http://api.test/"
    api.on("GET", "/spaces", httpx2.Response(401, json={}), httpx2.Response(200, json=[]))
    new = httpx2.Response(200, json={"token": "new", "refresh_token": "r2"})
    api.on("POST", "/auth/refresh", new)
    assert raworc("spaces")[0] == 0
    assert read_credentials(environ).refresh_token == "r2"


@pytest.mark.parametrize("answer", [GONE, httpx2.Response(401, json={})])
def test_logout_ends_the_login_here_and_there(
    raworc: Run, api: FakeApi, environ: dict[str, str], answer: httpx2.Response
) -> None:
    api.on("POST", "/auth/logout", answer)
    assert raworc("logout")[0] == 0
    assert len(api.requests) == 1
    assert not credentials_path(environ).exists()
    assert raworc("logout")[0] == 0


@pytest.mark.parametrize("group", ["users", "service-accounts"])
def test_accounts_are_listed_and_shown(raworc: Run, api: FakeApi, group: str) -> None:
    account = {"user": "carl", "active": True, "description": "A [b]."}
    api.on("GET", "/service-accounts", httpx2.Response(200, json=[account]))
    api.on("GET", "/service-accounts/carl", httpx2.Response(200, json=account))
    assert raworc(group)[1].splitlines()[1].split() == ["carl", "True", "A", "[b]."]
    assert json.loads(raworc(group, "show", "carl")[1])["description"] == "A [b]."


def test_an_account_is_created_with_a_password_or_without(
    raworc: Run, api: FakeApi, typed: Typed
) -> None:
    api.on("POST", "/service-accounts", CREATED)
    typed("a good long password\n")
    assert raworc("users", "create", "carl", "--password-stdin")[0] == 0
    assert sent(api) == {"user": "carl", "pass": "a good long password", "description": None}
    assert raworc("users", "create", "robot", "--no-password", "--description", "CI")[0] == 0
    assert sent(api) == {"user": "robot", "pass": None, "description": "CI"}


@pytest.mark.parametrize(("word", "active"), [("disable", False), ("enable", True)])
def test_an_account_is_disabled_and_enabled(
    raworc: Run, api: FakeApi, word: str, *, active: bool
) -> None:
    api.on("PATCH", "/service-accounts/carl", httpx2.Response(200, json={"user": "carl"}))
    assert raworc("users", word, "carl")[0] == 0
    assert sent(api) == {"active": active}


def test_an_account_is_deleted(raworc: Run, api: FakeApi) -> None:
    api.on("DELETE", "/service-accounts/carl", GONE)
    assert raworc("users", "delete", "carl")[0] == 0
    assert len(api.requests) == 1


def test_ones_own_password_is_changed_with_the_current_one(
    raworc: Run, api: FakeApi, typed: Typed
) -> None:
    api.on("GET", "/auth/me", ME)
    for name in ("ann", "carl"):
        api.on("PUT", f"/service-accounts/{name}/password", GONE)
    typed("old\nnew\n")
    assert raworc("users", "password", "ann", "--password-stdin")[0] == 0
    assert sent(api) == {"new_password": "new", "current_password": "old"}
    typed("new\n")
    assert raworc("users", "password", "carl", "--password-stdin")[0] == 0
    assert sent(api) == {"new_password": "new", "current_password": None}


def test_roles_are_listed_shown_and_deleted(raworc: Run, api: FakeApi) -> None:
    role = {"name": "viewer", "description": "Sees.", "rules": []}
    api.on("GET", "/roles", httpx2.Response(200, json=[role]))
    api.on("GET", "/roles/viewer", httpx2.Response(200, json=role))
    api.on("DELETE", "/roles/viewer", GONE)
    assert raworc("roles")[1].splitlines()[1].split() == ["viewer", "Sees."]
    assert json.loads(raworc("roles", "show", "viewer")[1])["rules"] == []
    assert raworc("roles", "delete", "viewer")[0] == 0


def test_a_role_is_created_of_rules(raworc: Run, api: FakeApi, typed: Typed) -> None:
    api.on("POST", "/roles", httpx2.Response(201, json={"name": "reader"}))
    typed('[{"resources": ["sessions"], "verbs": ["get"]}]')
    assert raworc("roles", "create", "reader", "--description", "Reads.")[0] == 0
    rules = [{"resources": ["sessions"], "verbs": ["get"]}]
    assert sent(api) == {"name": "reader", "rules": rules, "description": "Reads."}
    typed("no json")
    assert raworc("roles", "create", "reader")[0] == 2


def test_a_role_is_given_and_taken(raworc: Run, api: FakeApi) -> None:
    api.on("POST", "/role-bindings", httpx2.Response(201, json=BINDING))
    assert raworc("roles", "bind", "viewer", "carl", "--space", "demo")[0] == 0
    wanted = {"role_name": "viewer", "principal_name": "carl", "space": "demo"}
    assert sent(api) == wanted
    both = [BINDING, {**BINDING, "id": "8", "space": "demo"}]
    api.on("GET", "/role-bindings", httpx2.Response(200, json=both))
    api.on("DELETE", "/role-bindings/8", GONE)
    api.on("DELETE", "/role-bindings/7", GONE)
    assert raworc("roles", "unbind", "viewer", "carl", "--space", "demo")[0] == 0
    assert api.requests[-1].url.path.endswith("/8")
    assert raworc("roles", "unbind", "viewer", "carl")[0] == 0
    assert api.requests[-1].url.path.endswith("/7")
    code, _, said = raworc("roles", "unbind", "viewer", "carl", "--space", "lab")
    assert code == 1
    assert "'carl' does not have the role 'viewer' there" in said
    lines = raworc("roles", "bindings", "--account", "carl")[1].splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["carl", "viewer", "(all)"],
        ["carl", "viewer", "demo"],
    ]
    assert api.requests[-1].url.params["principal_name"] == "carl"


def test_a_token_is_made_with_its_limits_and_printed_once(raworc: Run, api: FakeApi) -> None:
    api.on("GET", "/auth/me", ME)
    made = httpx2.Response(201, json={"name": "ci", "token": "rwc_secret"})
    for name in ("ann", "robot"):
        api.on("POST", f"/service-accounts/{name}/token", made)
    assert raworc("tokens", "create", "ci")[1] == "rwc_secret\n"
    assert sent(api) == {"name": "ci"}
    limits = ("--allow", "sessions:get,list", "--allow", "messages:create", "--space", "demo")
    options = ("--account", "robot", "--days", "30")
    assert raworc("tokens", "create", "ci", *options, *limits)[0] == 0
    body = sent(api)
    assert isinstance(body, dict)
    assert body.pop("expires_at")
    assert body == {
        "name": "ci",
        "spaces": ["demo"],
        "rules": [
            {"resources": ["sessions"], "verbs": ["get", "list"]},
            {"resources": ["messages"], "verbs": ["create"]},
        ],
    }
    assert raworc("tokens", "create", "ci", "--allow", "sessions")[0] == 2


def test_tokens_are_listed_and_revoked(raworc: Run, api: FakeApi) -> None:
    api.on("GET", "/auth/me", ME)
    token = {"name": "ci", "prefix": "rwc_ab", "rules": [], "spaces": ["demo", "lab"]}
    api.on("GET", "/service-accounts/ann/token", httpx2.Response(200, json=[token]))
    api.on("DELETE", "/service-accounts/ann/token/ci", GONE)
    assert raworc("tokens")[1].splitlines()[1].split() == ["ci", "rwc_ab…", "demo,lab", "True"]
    assert raworc("tokens", "revoke", "ci")[0] == 0


@pytest.mark.parametrize(("allowed", "said", "code"), [(True, "yes\n", 0), (False, "no\n", 1)])
def test_can_i_says_yes_or_no(
    raworc: Run, api: FakeApi, said: str, code: int, *, allowed: bool
) -> None:
    api.on("POST", "/auth/can-i", httpx2.Response(200, json={"allowed": allowed}))
    assert raworc("auth", "can-i", "create", "sessions", "--space", "demo")[:2] == (code, said)
    wanted = {"resource": "sessions", "verb": "create", "space": "demo", "name": None}
    assert sent(api) == wanted


def test_me_is_shown(raworc: Run, api: FakeApi) -> None:
    api.on("GET", "/auth/me", ME)
    assert json.loads(raworc("auth", "me")[1])["user"] == "ann"
