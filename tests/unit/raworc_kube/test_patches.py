"""Patches, and the merge of two changes of one object."""

from typing import Any

import pytest

from raworc_kube.patches import merge_patch, three_way_merge

A, B, C = ({"name": name, "repo": f"o/{name}"} for name in "abc")


@pytest.mark.parametrize(
    ("base", "record", "live", "merged"),
    [
        pytest.param({"x": 1}, {"x": 1}, {"x": 1}, {"x": 1}, id="nobody changed anything"),
        pytest.param({"x": 1}, {"x": 2}, {"x": 1}, {"x": 2}, id="REST changed a field"),
        pytest.param({"x": 1}, {"x": 1}, {"x": 2}, {"x": 2}, id="kubectl changed a field"),
        pytest.param({"x": 1}, {"x": 2}, {"x": 3}, {"x": 2}, id="both did: the record wins"),
        pytest.param({"x": 1}, {}, {"x": 1}, {}, id="REST took a field away"),
        pytest.param({"x": 1}, {"x": 1}, {}, {}, id="kubectl took a field away"),
        pytest.param({}, {}, {"x": 1}, {"x": 1}, id="kubectl added a field"),
        pytest.param({}, {"x": 1}, {"y": 2}, {"x": 1, "y": 2}, id="each added one"),
        pytest.param(None, {"x": 1}, {"y": 2}, {"x": 1, "y": 2}, id="they never agreed before"),
        pytest.param({"x": 1}, {"x": {"y": 1}}, {"x": 1}, {"x": {"y": 1}}, id="another form"),
    ],
)
def test_each_side_keeps_what_it_changed(
    base: dict[str, Any] | None,
    record: dict[str, Any],
    live: dict[str, Any],
    merged: dict[str, Any],
) -> None:
    assert three_way_merge(base, record, live) == merged


def test_maps_are_merged_key_by_key() -> None:
    base = {"quota": {"cpu": "1", "memory": "1Gi"}}
    record = {"quota": {"cpu": "2", "memory": "1Gi"}}
    live = {"quota": {"cpu": "1", "memory": "2Gi", "storage": "9Gi"}}
    assert three_way_merge(base, record, live) == {
        "quota": {"cpu": "2", "memory": "2Gi", "storage": "9Gi"},
    }


def test_agents_are_merged_by_their_names() -> None:
    changed = {**A, "repo": "o/fork"}
    assert three_way_merge({"agents": [A, B]}, {"agents": [changed]}, {"agents": [A, B, C]}) == {
        "agents": [changed, C],
    }


def test_a_plain_list_is_one_value() -> None:
    assert three_way_merge({"x": [1]}, {"x": [1, 2]}, {"x": [3]}) == {"x": [1, 2]}


def test_a_patch_names_what_differs_and_nothing_else() -> None:
    live = {"closed": False, "agent": "a", "quota": {"cpu": "1", "memory": "1Gi"}, "rest": [1]}
    wanted = {"closed": True, "quota": {"cpu": "1"}, "rest": [1], "new": {"x": 1}}
    assert merge_patch(live, wanted) == {
        "closed": True,
        "agent": None,
        "quota": {"memory": None},
        "new": {"x": 1},
    }


def test_equal_values_need_no_patch() -> None:
    assert merge_patch({"quota": {"cpu": "1"}}, {"quota": {"cpu": "1"}}) == {}
