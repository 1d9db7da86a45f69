"""Who waits for room in a quota."""

from raworc_operator.waiting import WaitingLines


def test_the_oldest_session_of_a_namespace_is_first() -> None:
    lines = WaitingLines()
    lines.join("a", "young", "2026-01-02T00:00:00Z")
    lines.join("a", "old", "2026-01-01T00:00:00Z")
    lines.join("b", "other", "2025-01-01T00:00:00Z")
    assert (lines.first("a"), lines.first("b"), lines.first("c")) == ("old", "other", None)


def test_who_leaves_makes_way_for_the_next() -> None:
    lines = WaitingLines()
    lines.join("a", "old", "1")
    lines.join("a", "young", "2")
    assert lines.leave("a", "old")
    assert lines.first("a") == "young"
    assert not lines.leave("a", "old")
    assert lines.leave("a", "young")
    assert (lines.first("a"), lines._lines) == (None, {})
