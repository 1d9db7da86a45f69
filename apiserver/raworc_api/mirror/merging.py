"""Bringing two versions of a spec together, and saying what changes a third into the result."""

from collections.abc import Callable, Mapping
from typing import Any

Spec = dict[str, Any]


class _Absent:
    """Stands for a field that is not there."""


_ABSENT = _Absent()


def merge(base: Spec | None, record: Spec, live: Spec) -> Spec:
    """Merge what REST and what kubectl changed since both agreed on ``base``.

    Where the record is as in ``base``, the cluster's value holds; where it is not, the record's.
    Agents are merged one by one, by their names.
    """
    merged: Spec = _merged(base or {}, record, live)
    return merged


def changes(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON merge patch (RFC 7386) that makes ``live`` what is wanted."""
    patch: dict[str, Any] = {key: None for key in live if key not in wanted}
    for key, value in wanted.items():
        before = live.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            inner = changes(before, value)
            if inner:
                patch[key] = inner
        elif key not in live or before != value:
            patch[key] = value
    return patch


def _merged(base: Any, record: Any, live: Any) -> Any:  # noqa: ANN401 - JSON values
    if record == base:
        return live
    for split, join in _FORMS:
        parts = tuple(split(value) for value in (base, record, live))
        if parts[1] is not None and parts[2] is not None:
            return join(_merged_fields(parts[0] or {}, parts[1], parts[2]))
    return record


def _merged_fields(base: Spec, record: Spec, live: Spec) -> Spec:
    # The record's order first, so that a list of agents stays as it was written.
    keys = [*record, *(key for key in live if key not in record)]
    fields = {
        key: _merged(base.get(key, _ABSENT), record.get(key, _ABSENT), live.get(key, _ABSENT))
        for key in keys
    }
    return {key: value for key, value in fields.items() if value is not _ABSENT}


def _as_fields(value: Any) -> Spec | None:  # noqa: ANN401 - a JSON value
    return value if isinstance(value, dict) else None


def _as_named(value: Any) -> Spec | None:  # noqa: ANN401 - a JSON value
    is_named = isinstance(value, list) and all(
        isinstance(item, dict) and "name" in item for item in value
    )
    return {item["name"]: item for item in value} if is_named else None


_FORMS: tuple[tuple[Callable[[Any], Spec | None], Callable[[Spec], Any]], ...] = (
    (_as_fields, lambda fields: fields),
    (_as_named, lambda fields: list(fields.values())),
)
