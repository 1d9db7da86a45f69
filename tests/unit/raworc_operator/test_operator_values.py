"""Settings, statuses, references and names as values."""

import json
from typing import Any

import pytest
from tests.unit.raworc_operator.samples import NOON, space

from raworc_crds.conditions import Status
from raworc_crds.space import Build, BuildState, BuiltAgent, SpaceReason
from raworc_kube.objects import JOB, NAMESPACE, POD, Key, Manifest, key_of
from raworc_kube.patches import merge_patch
from raworc_operator.settings import from_environment
from raworc_operator.spaces.quota import space_quota
from raworc_operator.spaces.status import (
    SpaceSnapshot,
    built_condition,
    namespace_condition,
    quota_blocker,
    space_status,
)
from raworc_operator.status import cut
from raworc_sources.image_reference import split_address, split_reference

ENVIRONMENT = {
    "RAWORC_HOSTS_URL": "http://api",
    "RAWORC_REGISTRY_PUSH": "push:5000",
    "RAWORC_BASE_IMAGE": "raworc/agent:1",
    "RAWORC_NODE_IMAGE": "raworc/agent-node:1",
    "RAWORC_RUST_IMAGE": "raworc/agent-rust:1",
    "RAWORC_IMAGE": "raworc/raworc:1",
    "RAWORC_KANIKO_IMAGE": "kaniko:1",
    "RAWORC_NETWORKS": "{}",
    "RAWORC_SESSION_RESOURCES": json.dumps(
        {name: {"cpu": "10m", "memory": "64Mi"} for name in ("requests", "limits")}
    ),
}


def test_settings_have_defaults_where_there_is_a_sensible_one() -> None:
    settings = from_environment(ENVIRONMENT)
    assert settings.namespace_prefix == "raworc-"
    assert settings.registry_pull == "push:5000"
    assert settings.registry_insecure is False
    assert settings.internal_git_hosts == frozenset()


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_a_setting_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(SystemExit, match=name):
        from_environment({key: value for key, value in ENVIRONMENT.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RAWORC_REGISTRY_INSECURE", "yes"),
        ("RAWORC_CA_BUNDLE", "/nonexistent"),
        ("RAWORC_REGISTRY_PUSH_ACCOUNT", "/nonexistent"),
        ("RAWORC_REGISTRY_PULL_ACCOUNT", "/nonexistent"),
        ("RAWORC_SESSION_RESOURCES", '{"requests": {"cpu": "1", "memory": "1Gi"}}'),
        ("RAWORC_SESSION_RESOURCES", '{"requests": {"cpu": "much"}}'),
        ("RAWORC_NETWORKS", "none"),
        ("RAWORC_NETWORKS", '{"privateRanges": ["10.0.0.1/8"]}'),
        ("RAWORC_NETWORKS", '{"sessions": {"egress": [{"ports": [80]}]}}'),
    ],
)
def test_a_setting_that_is_wrong_is_named(name: str, value: str) -> None:
    with pytest.raises(SystemExit, match=name):
        from_environment({**ENVIRONMENT, name: value})


def test_hosts_are_a_list_with_commas() -> None:
    hosts = from_environment({**ENVIRONMENT, "RAWORC_INTERNAL_GIT_HOSTS": "A.test, b.test,"})
    assert hosts.internal_git_hosts == {"a.test", "b.test"}


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {}, {"a": None}),
        ({}, {"a": None}, {"a": None}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
        ({"a": {"b": 1}}, {"a": {"b": 1}}, {}),
        ({"a": [1]}, {"a": [1, 2]}, {"a": [1, 2]}),
        ({"a": 1}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_a_merge_patch_says_only_what_changes(old: Any, new: Any, patch: Any) -> None:  # noqa: ANN401
    assert merge_patch(old, new) == patch


def test_a_long_message_keeps_its_end() -> None:
    text = cut("x" * 5000 + "the blocker")
    assert len(text) == 2048
    assert text.endswith("the blocker")


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("raworc/agent:1", ("own:5000", "raworc/agent", "1")),
        ("agent", ("own:5000", "agent", "latest")),
        ("registry.example/raworc/agent:1", ("registry.example", "raworc/agent", "1")),
        ("localhost/agent:1", ("localhost", "agent", "1")),
        ("host:80/a/b", ("host:80", "a/b", "latest")),
        ("a/b@sha256:1", ("own:5000", "a/b", "sha256:1")),
        ("a/b:1@sha256:1", ("own:5000", "a/b", "sha256:1")),
        ("docker.io/a/b:1", ("docker.io", "a/b", "1")),
    ],
)
def test_a_reference_without_a_registry_is_one_of_our_own(
    reference: str, parts: tuple[str, str, str]
) -> None:
    assert split_reference(reference, "own:5000") == parts


def test_a_registry_may_have_us_in_a_folder() -> None:
    assert split_address("own:5000/team/agents") == ("own:5000", "team/agents/")
    assert split_address("own:5000") == ("own:5000", "")
    assert split_reference("raworc/agent:1", "own:5000/team") == (
        *("own:5000", "team/raworc/agent", "1"),
    )
    assert split_reference("other.test/agent:1", "own/team") == ("other.test", "agent", "1")


@pytest.mark.parametrize(
    ("key", "path"),
    [
        (Key(POD, "p", "ns"), "/api/v1/namespaces/ns/pods/p"),
        (Key(NAMESPACE, "ns"), "/api/v1/namespaces/ns"),
        (Key(JOB, "j", "ns"), "/apis/batch/v1/namespaces/ns/jobs/j"),
    ],
)
def test_an_object_stands_where_kubernetes_has_it(key: Key, path: str) -> None:
    assert key.path == path


def test_all_objects_of_a_kind_stand_above_the_namespaces() -> None:
    assert POD.path() == "/api/v1/pods"
    assert key_of({"kind": "Pod", "metadata": {"name": "p", "namespace": "ns"}}).kind is POD


ACTIVE = namespace_condition(SpaceReason.NAMESPACE_ACTIVE, "")
BUILD = Build(id="b", key="k", state=BuildState.COMPLETED)


def seen(**parts: Any) -> SpaceSnapshot:  # noqa: ANN401
    whole: dict[str, Any] = {
        "space": space(),
        "namespace": ACTIVE,
        "built": built_condition(BUILD),
        "build": BUILD,
        "image": "image",
        "quota": None,
    }
    return SpaceSnapshot(**{**whole, **parts})


def conditions(view: SpaceSnapshot) -> dict[str, tuple[Status, str]]:
    found = space_status(view, "raworc-team", NOON).conditions
    return {condition.type: (condition.status, condition.reason) for condition in found}


def test_a_space_with_an_image_is_ready() -> None:
    assert conditions(seen())["Ready"] == (Status.TRUE, "Ready")


def test_a_space_stays_ready_on_its_last_good_image_while_a_new_build_fails() -> None:
    failed = BUILD.model_copy(update={"state": BuildState.FAILED, "reason": "HandlerNotFound"})
    found = conditions(seen(built=built_condition(failed), build=failed))
    assert found["Ready"] == (Status.TRUE, "Ready")
    assert found["Built"] == (Status.FALSE, "HandlerNotFound")


def test_a_space_says_which_agents_its_image_contains() -> None:
    agents = [BuiltAgent(name="echo", commit="c")]
    done = BUILD.model_copy(update={"agents": agents})
    assert space_status(seen(build=done), "raworc-team", NOON).image_agents == ["echo"]
    failed = done.model_copy(update={"state": BuildState.FAILED, "agents": []})
    later = seen(build=failed, space=space({"imageAgents": ["echo"]}))
    assert space_status(later, "raworc-team", NOON).image_agents == ["echo"]
    assert space_status(seen(build=None, image=None), "raworc-team", NOON).image_agents is None


def test_a_space_without_an_image_says_what_its_build_says() -> None:
    found = conditions(seen(built=built_condition(None), build=None, image=None))
    assert found["Ready"] == found["Built"] == (Status.FALSE, "NoAgents")


def test_a_namespace_that_is_taken_goes_before_everything() -> None:
    taken = namespace_condition(SpaceReason.NAMESPACE_TAKEN, "it is another's")
    assert conditions(seen(namespace=taken))["Ready"] == (Status.FALSE, "NamespaceTaken")


def quota(hard: dict[str, str], used: dict[str, str]) -> Manifest:
    return {"spec": {"hard": hard}, "status": {"hard": hard, "used": used}}


def test_a_quota_says_how_much_of_what_is_used() -> None:
    limits = {"count/agentsessions.raworc.dev": "3", "limits.memory": "4Gi"}
    used = {"count/agentsessions.raworc.dev": "2", "limits.memory": "1Gi"}
    found = space_status(seen(quota=quota(limits, used)), "raworc-team", NOON).conditions[-1]
    assert (found.status, found.reason) == (Status.TRUE, "WithinQuota")
    assert found.message == "sessions: 2 of 3, memory: 1Gi of 4Gi"


def test_a_quota_that_is_used_up_is_exceeded() -> None:
    full = quota({"limits.cpu": "2"}, {"limits.cpu": "2000m"})
    assert conditions(seen(quota=full))["QuotaAvailable"] == (Status.FALSE, "QuotaExceeded")


def test_a_build_that_has_no_room_in_the_quota_says_so() -> None:
    assert quota_blocker(None) is None
    assert quota_blocker(quota({"limits.cpu": "4"}, {"limits.cpu": "1"})) is None
    words = quota_blocker(quota({"limits.cpu": "2"}, {"limits.cpu": "1"}))
    assert words is not None
    assert "2 of cpu" in words


def test_a_quota_of_nothing_is_still_a_limit() -> None:
    from raworc_crds.space import Quota  # noqa: PLC0415

    assert space_quota("team", "ns", Quota(sessions=0))["spec"]["hard"] == {
        "count/agentsessions.raworc.dev": "0"
    }
