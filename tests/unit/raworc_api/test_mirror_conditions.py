"""The condition ``Mirrored``."""

from datetime import UTC, datetime

from raworc_api.mirror.conditions import (
    MirrorReason,
    not_mirrored,
    own_condition,
    with_mirrored,
)
from raworc_crds.conditions import MAX_MESSAGE, Condition

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ONE_PM = datetime(2026, 1, 1, 13, tzinfo=UTC)
READY = {"type": "Ready", "status": "True", "reason": "Ready"}


def test_it_is_a_condition_as_any_other() -> None:
    condition = Condition.model_validate(not_mirrored(MirrorReason.REFUSED, "No", NOON))
    assert (condition.type, condition.reason, condition.message) == ("Mirrored", "Refused", "No")
    assert condition.last_transition_time == "2026-01-01T12:00:00Z"


def test_a_long_reason_is_cut() -> None:
    condition = not_mirrored(MirrorReason.REFUSED, "x" * 9999, NOON)
    assert len(condition["message"]) == MAX_MESSAGE


def test_it_stands_beside_the_operators_conditions() -> None:
    own = not_mirrored(MirrorReason.REFUSED, "No", NOON)
    both = with_mirrored([READY], own)
    assert both == [READY, own]
    assert own_condition(both) == own
    assert with_mirrored(both, None) == [READY]


def test_the_same_again_keeps_its_time() -> None:
    first = not_mirrored(MirrorReason.FORBIDDEN, "Quota", NOON)
    again = not_mirrored(MirrorReason.FORBIDDEN, "Quota", ONE_PM)
    assert with_mirrored([first], again) == [first]
    other = not_mirrored(MirrorReason.REFUSED, "Quota", ONE_PM)
    assert with_mirrored([first], other) == [other]
