"""Idempotency keys: a request that is repeated with its key is done once."""

from hashlib import sha256
from typing import Annotated

from fastapi import Header
from pydantic import AfterValidator, BaseModel, StringConstraints

from raworc_api.core.problems import InvalidProblem


def _checked(key: str) -> str:
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError("must be printable ASCII without spaces, such as a UUID")
    return key


_Key = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_checked)]
IdempotencyKey = Annotated[
    _Key | None,
    Header(description="The same key and body again gives the first answer, and does nothing."),
]


def fingerprint(*parts: str | BaseModel) -> str:
    """Reduce a request to what tells it from another one with the same key."""
    texts = (part if isinstance(part, str) else part.model_dump_json() for part in parts)
    return sha256("\0".join(texts).encode()).hexdigest()


def check_repeated(known: str | None, again: str) -> None:
    """Refuse a key that comes again with another request."""
    if known != again:
        raise InvalidProblem("This `Idempotency-Key` was used with another request.")
