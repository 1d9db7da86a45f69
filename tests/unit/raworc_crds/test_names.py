import pytest

from raworc_crds.names import MAX_LABEL, child_name, session_id, space_namespace


def test_a_short_child_is_named_in_full() -> None:
    assert child_name("demo", "logs") == "demo-logs"


def test_a_long_child_fits_a_label_and_shares_its_name_with_no_other() -> None:
    long, other = "a" * 62 + "b", "a" * 62 + "c"
    assert len(child_name(long, "logs")) == MAX_LABEL
    assert child_name(long, "logs") != child_name(other, "logs")


def test_the_namespace_of_a_space_carries_the_prefix() -> None:
    assert space_namespace("demo", "raworc-") == "raworc-demo"


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"uid": "u1", "labels": {"raworc.dev/session-id": "s1"}}, "s1"),
        ({"uid": "u1", "labels": {"team": "a"}}, "u1"),
        ({"uid": "u1"}, "u1"),
    ],
)
def test_a_session_is_known_by_its_label_else_by_its_uid(
    metadata: dict[str, object], expected: str
) -> None:
    assert session_id(metadata) == expected
