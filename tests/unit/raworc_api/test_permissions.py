from datetime import UTC, datetime

import pytest

from raworc_api.accounts.service import parse_rules
from raworc_api.core.permissions import Ask, Caller, Grant, Rule, authorize, authorize_somewhere
from raworc_api.migrate import ROLES

READ = Rule(frozenset({"sessions"}), frozenset({"get", "list"}))


def grants_of(role: str, space: str | None = None) -> tuple[Grant, ...]:
    return tuple(Grant(rule, space) for rule in parse_rules(ROLES[role]))


def test_what_no_rule_allows_is_not_allowed() -> None:
    assert not authorize([], Ask("sessions", "get"))
    assert not authorize([Grant(READ)], Ask("sessions", "delete"))
    assert not authorize([Grant(READ)], Ask("messages", "get"))


def test_rules_add_up() -> None:
    write = Rule(frozenset({"sessions"}), frozenset({"delete"}))
    grants = [Grant(READ), Grant(write)]
    assert all(authorize(grants, Ask("sessions", verb)) for verb in ("get", "list", "delete"))


def test_a_grant_in_one_space_holds_in_that_space_alone() -> None:
    grants = [Grant(READ, "team")]
    assert authorize(grants, Ask("sessions", "get", "team"))
    assert not authorize(grants, Ask("sessions", "get", "other"))
    assert not authorize(grants, Ask("sessions", "get"))


def test_a_rule_for_some_names_holds_for_those_alone() -> None:
    rule = Rule(frozenset({"spaces"}), frozenset({"get"}), resource_names=frozenset({"team"}))
    assert authorize([Grant(rule)], Ask("spaces", "get", "team", "team"))
    assert not authorize([Grant(rule)], Ask("spaces", "get", "other", "other"))
    assert not authorize([Grant(rule)], Ask("spaces", "get"))
    assert authorize_somewhere([Grant(rule)], "spaces", "get")


@pytest.mark.parametrize(
    ("groups", "is_allowed"),
    [(["*"], True), (["raworc.dev"], True), (["apps"], False), ([], False)],
)
def test_a_rule_for_another_api_group_allows_nothing_here(
    groups: list[str], *, is_allowed: bool
) -> None:
    rules = parse_rules([{"api_groups": groups, "resources": ["*"], "verbs": ["*"]}])
    assert authorize([Grant(rule) for rule in rules], Ask("spaces", "get")) is is_allowed


def test_a_rule_without_verbs_allows_nothing() -> None:
    (rule,) = parse_rules([{"api_groups": ["*"], "resources": ["*"]}])
    assert not authorize([Grant(rule)], Ask("spaces", "get"))


def test_the_role_admin_may_do_everything() -> None:
    admin = grants_of("admin")
    assert authorize(admin, Ask("sessions", "list-all", "team", "an-id"))
    assert authorize(admin, Ask("space-secrets", "read-values", "team"))


@pytest.mark.parametrize(
    ("resource", "verb", "is_allowed"),
    [
        ("sessions", "create", True),
        ("sessions", "list-all", False),
        ("messages", "create", True),
        ("spaces", "get", True),
        ("spaces", "create", False),
        ("agents", "create", False),
        ("space-builds", "list", True),
        ("space-builds", "create", False),
    ],
)
def test_the_role_user_may_talk_and_look(resource: str, verb: str, *, is_allowed: bool) -> None:
    assert authorize(grants_of("user"), Ask(resource, verb, "team")) is is_allowed


def test_a_caller_knows_where_something_is_allowed() -> None:
    now = datetime.now(UTC)
    everywhere = Caller("ann", (Grant(READ), Grant(READ, "team")), now)
    somewhere = Caller("ann", (Grant(READ, "team"), Grant(READ, "lab")), now)
    assert everywhere.spaces("sessions", "list") is None
    assert somewhere.spaces("sessions", "list") == frozenset({"team", "lab"})
    assert somewhere.spaces("sessions", "delete") == frozenset()
