"""How large a request may be; what is larger is refused before it is read to its end."""

from dataclasses import dataclass
from http import HTTPStatus

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from raworc_api.core.problems import TooLargeProblem, render

MEBIBYTE = 1024 * 1024
MAX_BODY = 2 * MEBIBYTE
# An answer of 16 MiB, as JSON: many of its characters may be escaped.
MAX_ANSWER_BODY = 48 * MEBIBYTE
ANSWERS_PATH = "/api/v0/host/answers"


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """ASGI middleware that refuses large bodies, announced or not."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, as long as it stays within its limit."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = MAX_ANSWER_BODY if scope["path"] == ANSWERS_PATH else MAX_BODY
        if _announced(scope) > limit:
            await render(TooLargeProblem(_words(limit)))(scope, receive, send)
            return
        await self.app(scope, _counted(receive, limit), send)


def _announced(scope: Scope) -> int:
    text = dict(scope["headers"]).get(b"content-length", b"0")
    return int(text) if text.isdigit() else 0


def _counted(receive: Receive, limit: int) -> Receive:
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            # FastAPI lets only its own exception through while it reads a body.
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _words(limit))
        return message

    return counted


def _words(limit: int) -> str:
    return f"The body must be at most {limit} bytes."
