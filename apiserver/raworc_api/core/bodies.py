"""What every request body shares: unknown fields refused, texts that can be stored and shown."""

import json
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, JsonValue

MAX_METADATA = 16 * 1024
_MAX_DEPTH = 16
# What JSON readers, and MySQL, keep exactly.
_MAX_NUMBER = 2**63


class Body(BaseModel):
    """A request body; it refuses fields that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class View(BaseModel):
    """A response body."""

    model_config = ConfigDict(frozen=True)


def _checked_text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode, without lone surrogates") from None
    if "\0" in value:
        raise ValueError("must not contain NUL characters")
    return value


# A text that UTF-8, MySQL and a program's argument can all hold.
PlainText = Annotated[str, AfterValidator(_checked_text)]


def _checked_metadata(value: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    _check_json(value, _MAX_DEPTH)
    if len(json.dumps(value, ensure_ascii=False).encode()) > MAX_METADATA:
        raise ValueError(f"must be at most {MAX_METADATA} bytes of JSON")
    return value


def _check_json(value: object, depth: int) -> None:
    if depth == 0:
        raise ValueError(f"must be nested at most {_MAX_DEPTH} deep")
    match value:
        case str():
            _checked_text(value)
        case float() | int() if not abs(value) < _MAX_NUMBER:
            raise ValueError("must hold finite numbers below 2 to the power of 63 only")
        case Mapping():
            for key, inner in value.items():
                _checked_text(key)
                _check_json(inner, depth - 1)
        case list():
            for inner in value:
                _check_json(inner, depth - 1)


# Free notes beside a message.
Metadata = Annotated[dict[str, JsonValue], AfterValidator(_checked_metadata)]
