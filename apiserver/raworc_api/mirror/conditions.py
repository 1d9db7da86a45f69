"""The condition ``Mirrored``: why a record and the cluster differ."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from raworc_crds.conditions import MAX_MESSAGE, Condition, Status
from raworc_crds.wire import dump

MIRRORED = "Mirrored"

Conditions = list[dict[str, Any]]


class MirrorReason(StrEnum):
    """Why a record and the cluster differ."""

    REFUSED = "Refused"
    FORBIDDEN = "Forbidden"
    NOT_APPLIED = "NotApplied"
    MISSING = "Missing"
    NAME_TAKEN = "NameTaken"


def not_mirrored(reason: MirrorReason, message: str, now: datetime) -> dict[str, Any]:
    """Return the condition that says why a record and the cluster differ."""
    condition = Condition(
        type=MIRRORED,
        status=Status.FALSE,
        reason=reason,
        message=message[:MAX_MESSAGE],
        last_transition_time=now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    return dump(condition)


def with_mirrored(conditions: Iterable[dict[str, Any]], own: dict[str, Any] | None) -> Conditions:
    """Return the conditions with ours in the place of an earlier one, unless it says the same."""
    before = list(conditions)
    kept = [condition for condition in before if condition.get("type") != MIRRORED]
    if own is None:
        return kept
    earlier = own_condition(before)
    return before if earlier is not None and _claim(earlier) == _claim(own) else [*kept, own]


def is_missing(conditions: Iterable[dict[str, Any]]) -> bool:
    """Say whether ours says that the object is missing."""
    own = own_condition(conditions)
    return own is not None and own.get("reason") == MirrorReason.MISSING


def own_condition(conditions: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """Return our condition, if it is set."""
    return next((found for found in conditions if found.get("type") == MIRRORED), None)


def _claim(condition: dict[str, Any]) -> tuple[object, ...]:
    return tuple(condition.get(field) for field in ("status", "reason", "message"))
