"""What turns one version of an object into another, and two versions into one; pure."""

from collections.abc import Callable, Mapping
from typing import Any

Fields = dict[str, Any]


class _Absent:
    """The value of a field that does not exist."""


_ABSENT = _Absent()


def merge_patch(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> Fields:
    """Return the JSON merge patch (RFC 7396) that makes ``before`` what is wanted."""
    patch: Fields = {key: None for key in before if key not in wanted}
    for key, value in wanted.items():
        old = before.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            inner = merge_patch(old, value)
            if inner:
                patch[key] = inner
        elif key not in before or old != value:
            patch[key] = value
    return patch


def three_way_merge(base: Fields | None, ours: Fields, theirs: Fields) -> Fields:
    """Merge what two sides changed since both agreed on ``base``.

    Where ours is as in ``base``, the other side's value holds; where it is not, ours. Lists of
    named objects are merged one by one, by their names.
    """
    merged: Fields = _merged(base or {}, ours, theirs)
    return merged


def _merged(base: Any, ours: Any, theirs: Any) -> Any:  # noqa: ANN401 - JSON values
    if ours == base:
        return theirs
    for split, join in _FORMS:
        parts = tuple(split(value) for value in (base, ours, theirs))
        if parts[1] is not None and parts[2] is not None:
            return join(_merged_fields(parts[0] or {}, parts[1], parts[2]))
    return ours


def _merged_fields(base: Fields, ours: Fields, theirs: Fields) -> Fields:
    # Our order first, so that a list of agents stays as it was written.
    keys = [*ours, *(key for key in theirs if key not in ours)]
    fields = {
        key: _merged(base.get(key, _ABSENT), ours.get(key, _ABSENT), theirs.get(key, _ABSENT))
        for key in keys
    }
    return {key: value for key, value in fields.items() if value is not _ABSENT}


def _as_fields(value: Any) -> Fields | None:  # noqa: ANN401 - a JSON value
    return value if isinstance(value, dict) else None


def _as_named(value: Any) -> Fields | None:  # noqa: ANN401 - a JSON value
    is_named = isinstance(value, list) and all(
        isinstance(item, dict) and "name" in item for item in value
    )
    return {item["name"]: item for item in value} if is_named else None


_FORMS: tuple[tuple[Callable[[Any], Fields | None], Callable[[Fields], Any]], ...] = (
    (_as_fields, lambda fields: fields),
    (_as_named, lambda fields: list(fields.values())),
)
