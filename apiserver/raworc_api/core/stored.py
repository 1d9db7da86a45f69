"""Reading what is stored: an image of another version, or kubectl, may have written it.

A model of the contract refuses what it does not know, which is right for what comes in. What is
stored already has to be read all the same: after a step back to an old image, records hold fields
of the new one. What is not understood is left out of what is read, and kept where it is stored.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from raworc_crds.conditions import Condition

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[int | str, ...]


def read_stored(model: type[Model], content: Mapping[str, Any]) -> Model:
    """Read all of ``content`` that this version understands."""
    understood: Any = content
    while True:
        try:
            return model.model_validate(understood)
        except ValidationError as error:
            locations = {_within(understood, _culprit(one)) for one in error.errors()} - {()}
            left = _without(understood, locations)
            if left == understood:
                raise  # it is wrong as a whole
            understood = left


def read_conditions(conditions: Iterable[Mapping[str, Any]]) -> list[Condition]:
    """Read the conditions that this version understands."""
    return [one for one in map(_condition, conditions) if one is not None]


def _condition(content: Mapping[str, Any]) -> Condition | None:
    try:
        return Condition.model_validate(content)
    except ValidationError:
        return None


def _culprit(error: Mapping[str, Any]) -> Location:
    """Say what to leave out: the field that is wrong, or what lacks a field."""
    location: Location = error["loc"]
    return location[:-1] if error["type"] == "missing" else location


def _within(content: Any, location: Location) -> Location:  # noqa: ANN401 - JSON values
    """Cut off what is no place in the content, as ``[key]``, by which pydantic means a key."""
    for depth, part in enumerate(location):
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            return location[:depth]
    return location


def _without(content: Any, locations: Iterable[Location]) -> Any:  # noqa: ANN401 - JSON values
    left = deepcopy(content)
    # The last items of a list first, so that the others keep their places; parts before wholes.
    for location in sorted(locations, key=_position, reverse=True):
        parent = _parent(left, location)
        if isinstance(parent, dict):
            parent.pop(location[-1], None)
        elif isinstance(parent, list):
            del parent[int(location[-1])]
    return left


def _position(location: Location) -> list[tuple[bool, int, str]]:
    return [
        (isinstance(part, int), part if isinstance(part, int) else 0, str(part))
        for part in location
    ]


def _parent(content: Any, location: Location) -> Any:  # noqa: ANN401 - JSON values
    for part in location[:-1]:
        content = content[part]
    return content
