from datetime import UTC, datetime

import pytest

from raworc_api.accounts.grants import parse_rules
from raworc_api.core.permissions import (
    Ask,
    Caller,
    Grant,
    Rule,
    authorize,
    authorize_somewhere,
    covers,
)
from raworc_api.roles.builtin import DESCRIPTIONS, ROLES

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


def rule(resources: str, verbs: str, names: str = "", groups: str = "*") -> Rule:
    words = [frozenset(text.split()) for text in (resources, verbs, groups, names)]
    return Rule(*words)


@pytest.mark.parametrize(
    ("wanted", "is_held"),
    [
        (Grant(rule("sessions", "get"), "team"), True),
        (Grant(rule("sessions messages", "get list"), "team"), True),
        (Grant(rule("sessions", "get", "a"), "team"), True),
        (Grant(rule("sessions", "get", groups="raworc.dev"), "team"), True),
        (Grant(rule("spaces", "get", "team"), "team"), True),
        (Grant(rule("spaces", "get", "team lab"), "team"), True),
        (Grant(rule("spaces", "get", "other"), "team"), False),
        (Grant(rule("spaces", "get"), "team"), False),
        (Grant(rule("spaces", "get", "*"), "team"), False),
        (Grant(rule("sessions", "get delete"), "team"), False),
        (Grant(rule("sessions", "*"), "team"), False),
        (Grant(rule("*", "get"), "team"), False),
        (Grant(rule("sessions", "get")), False),
        (Grant(rule("sessions", "get"), "lab"), False),
        (Grant(rule("builds", "get"), "lab"), True),
        (Grant(rule("builds", "get")), True),
        (Grant(rule("agents", "get"), "team"), True),
        (Grant(rule("agents builds", "get"), "team"), True),
    ],
)
def test_what_is_passed_on_must_be_held_there_in_full(wanted: Grant, *, is_held: bool) -> None:
    mine = [
        Grant(rule("sessions messages", "get list"), "team"),
        Grant(rule("spaces", "get", "team"), "team"),
        Grant(rule("spaces", "get", "lab")),
        Grant(rule("builds", "get")),
        Grant(rule("agents", "*"), "team"),
    ]
    assert covers(mine, wanted) is is_held


def test_only_who_holds_everything_can_pass_everything_on() -> None:
    (everything,) = grants_of("admin")
    assert covers([everything], everything)
    assert covers([everything], Grant(READ, "team"))
    assert not covers([Grant(rule("sessions spaces", "*"))], everything)
    assert not covers(grants_of("admin", "team"), everything)
    assert covers(grants_of("admin", "team"), Grant(READ, "team"))


def test_a_limited_token_may_do_what_both_its_account_and_its_scope_allow() -> None:
    scope = (Grant(rule("sessions", "get list"), "team"), Grant(rule("sessions", "get"), "lab"))
    ann = Caller("ann", (Grant(rule("sessions", "*")),), datetime.now(UTC), scope)
    assert ann.may("sessions", "get", "team")
    assert not ann.may("sessions", "get", "other")
    assert not ann.may("sessions", "delete", "team")
    assert not ann.may("spaces", "get", "team")
    assert ann.spaces("sessions", "get") == frozenset({"team", "lab"})
    assert ann.spaces("sessions", "list") == frozenset({"team"})
    assert ann.may_somewhere("sessions", "list")
    assert not ann.may_somewhere("sessions", "delete")
    assert ann.holds(Grant(rule("sessions", "get"), "lab"))
    assert not ann.holds(Grant(rule("sessions", "get")))


def test_a_rule_that_names_something_is_told_from_one_for_everything() -> None:
    now = datetime.now(UTC)
    named = Caller("ann", (Grant(rule("sessions", "get", "a b"), "team"),), now)
    wild = Caller("ann", (Grant(rule("sessions", "get", "*")),), now)
    assert named.may_by_name("sessions", "get", "team", "a")
    assert not named.may_by_name("sessions", "get", "lab", "a")
    assert not named.may_by_name("sessions", "delete", "team", "a")
    assert not wild.may_by_name("sessions", "get", "team", "a")


def test_every_role_that_comes_with_the_product_is_described() -> None:
    assert set(ROLES) == set(DESCRIPTIONS)
    assert {"admin", "developer", "viewer", "operator"} <= set(ROLES)


@pytest.mark.parametrize("role", ["viewer", "operator", "developer", "user"])
def test_no_role_but_admin_reads_secrets_or_grants_anything(role: str) -> None:
    grants = grants_of(role)
    assert not authorize_somewhere(grants, "space-secrets", "read-values")
    for resource in ("service-accounts", "roles", "role-bindings"):
        for verb in ("create", "update", "delete"):
            assert not authorize_somewhere(grants, resource, verb)


def test_the_role_viewer_changes_nothing() -> None:
    verbs = {verb for grant in grants_of("viewer") for verb in grant.rule.verbs}
    assert verbs == {"get", "list", "list-all"}
