"""How large a request's body may be, how long it may take, and how deep it may be nested."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from raworc_api.core.problems import MalformedProblem, SlowProblem, TooLargeProblem

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE
MAX_BODY = 2 * MEBIBYTE
# An answer of 16 MiB, as JSON: many of its characters may be escaped.
MAX_ANSWER_BODY = 48 * MEBIBYTE
_BODY_SECONDS = 30
# Validating holds the interpreter: hundreds of thousands of fields would stop it for seconds.
_MAX_VALUES = 10_000


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """Says, as a dependency of a route, how large its bodies may be."""

    bytes: int

    async def __call__(self) -> None:
        """Do nothing: the guard of the route has read the body by now."""


class BoundedRequest(Request):
    """A request that refuses a body of more than ``limit`` bytes, announced or not."""

    limit: int = MAX_BODY

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Give the body's pieces, as long as they stay within the limit."""
        text = self.headers.get("content-length", "")
        received = int(text) if text.isascii() and text.isdecimal() else 0
        self._check(received)
        received = 0
        async for piece in super().stream():
            received += len(piece)
            self._check(received)
            yield piece

    async def json(self) -> Any:  # noqa: ANN401 - whatever was sent
        """Parse the body, unless it is nested deeper than the parser goes, or of too many parts."""
        try:
            content = await super().json()
        except RecursionError:
            # FastAPI lets only its own exception through while it reads a body.
            raise HTTPException(HTTPStatus.BAD_REQUEST, "The body is nested too deep.") from None
        if _has_more_values(content, _MAX_VALUES):
            text = f"The body must hold at most {_MAX_VALUES} values."
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
        return content

    def _check(self, received: int) -> None:
        if received > self.limit:
            raise TooLargeProblem(f"The body must be at most {self.limit} bytes.")


def _has_more_values(content: Any, most: int) -> bool:  # noqa: ANN401 - whatever was sent
    count, waiting = 0, [content]
    while waiting and count <= most:
        value = waiting.pop()
        if isinstance(value, dict | list):
            count += len(value)
            waiting += value.values() if isinstance(value, dict) else value
    return count > most


async def read_body(request: Request, limit: int) -> Request:
    """Read a body within its limits; it stays with the request that is returned."""
    bounded = BoundedRequest(request.scope, request.receive)
    bounded.limit = limit
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            await bounded.body()
    except TimeoutError:
        raise SlowProblem(f"The body must arrive within {_BODY_SECONDS} s.") from None
    except ClientDisconnect:
        raise MalformedProblem("The body ended early.") from None
    return bounded
