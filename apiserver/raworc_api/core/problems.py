"""Everything the API refuses: one class per kind of refusal, and how it is said (RFC 9457)."""

import json
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

TYPE_BASE = "https://raworc.dev/problems/"
MEDIA_TYPE = "application/problem+json"

# More errors of one request help nobody.
_MAX_ERRORS = 20

Errors = Sequence[Mapping[str, str]]


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it a problem
    """A refusal that the caller can understand; its kind is the class, its words the detail."""

    status: ClassVar[int] = HTTPStatus.INTERNAL_SERVER_ERROR
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong inside Raworc"

    def __init__(
        self, detail: str, *, errors: Errors = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors[:_MAX_ERRORS]
        self.headers = headers or {}


class UnauthenticatedProblem(Problem):
    """The caller did not prove who it is."""

    status, slug, title = HTTPStatus.UNAUTHORIZED, "unauthenticated", "Log in first"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class ForbiddenProblem(Problem):
    """The caller may not do this."""

    status, slug, title = HTTPStatus.FORBIDDEN, "forbidden", "Not allowed"


class NotFoundProblem(Problem):
    """It does not exist, or the caller may not know of it."""

    status, slug, title = HTTPStatus.NOT_FOUND, "not-found", "Not found"


class ConflictProblem(Problem):
    """What exists forbids what was asked."""

    status, slug, title = HTTPStatus.CONFLICT, "conflict", "Conflict"


class FencedProblem(Problem):
    """Another pod is the host of the session now."""

    status, slug, title = HTTPStatus.CONFLICT, "fenced", "No longer the host"


class StaleAttemptProblem(Problem):
    """The message is being answered by another attempt, or was answered."""

    status, slug, title = HTTPStatus.CONFLICT, "stale-attempt", "Not the current attempt"


class PreconditionProblem(Problem):
    """The caller decided on an older version."""

    status, slug, title = HTTPStatus.PRECONDITION_FAILED, "stale", "Changed since it was read"


class InvalidProblem(Problem):
    """The content of the request is not acceptable."""

    status, slug, title = HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "Invalid content"


class TooLargeProblem(Problem):
    """The request is larger than is accepted."""

    status, slug, title = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", "Too large"


class SlowProblem(Problem):
    """The request did not arrive in time."""

    status, slug, title = HTTPStatus.REQUEST_TIMEOUT, "timeout", "Too slow"


class TooManyProblem(Problem):
    """The caller must come back later."""

    status, slug, title = HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", "Too many requests"

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class UnavailableProblem(Problem):
    """Something that the API needs does not answer."""

    status, slug, title = HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Not available now"


def invalid(pointer: str, detail: str) -> InvalidProblem:
    """Refuse one field of the request, and say what it must be."""
    return InvalidProblem(detail, errors=[{"pointer": pointer, "detail": detail}])


class FaultView(BaseModel):
    """What is wrong with one part of the request."""

    pointer: str = Field(description="JSON pointer into the body, or a parameter's name.")
    detail: str


class OldErrorView(BaseModel):
    """The same for clients older than RFC 9457."""

    code: str
    message: str


class ProblemView(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FaultView] | None = None
    error: OldErrorView


def install(app: FastAPI) -> None:
    """Answer every error of the application as a problem."""
    app.exception_handler(Problem)(_answer_problem)
    app.exception_handler(RequestValidationError)(_answer_invalid)
    app.exception_handler(HTTPException)(_answer_http)
    app.exception_handler(Exception)(_answer_unexpected)


def documented(*kinds: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """Describe, for OpenAPI, the problems a route answers with."""
    return {int(kind.status): {"description": kind.title, "model": ProblemView} for kind in kinds}


def render(problem: Problem) -> Response:
    """Write a problem as the answer to a request."""
    body: dict[str, object] = {
        "type": TYPE_BASE + problem.slug,
        "title": problem.title,
        "status": int(problem.status),
        "detail": problem.detail,
        # For clients older than RFC 9457.
        "error": {"code": problem.slug.upper().replace("-", "_"), "message": problem.detail},
    }
    if problem.errors:
        body["errors"] = list(problem.errors)
    # ASCII, because a field's name in the request may hold what UTF-8 cannot.
    text = json.dumps(body)
    return Response(text, int(problem.status), dict(problem.headers), MEDIA_TYPE)


async def _answer_problem(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)  # noqa: S101 - registered for this type
    return render(problem)


async def _answer_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return render(MalformedProblem("The body must be JSON."))
    if _is_without_json(request, found):
        return render(MediaTypeProblem("Send the body with `Content-Type: application/json`."))
    errors = [{"pointer": pointer(one["loc"]), "detail": said(one)} for one in found[:_MAX_ERRORS]]
    first = errors[0]
    return render(InvalidProblem(f"{first['pointer']}: {first['detail']}", errors=errors))


async def _answer_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type
    kind = _BY_STATUS.get(error.status_code, MalformedProblem)
    problem = kind(_WORDS.get(error.status_code, str(error.detail)))
    problem.headers = {**problem.headers, **(error.headers or {})}
    return render(problem)


async def _answer_unexpected(_: Request, __: Exception) -> Response:
    # The server logs the error itself; the caller learns nothing of what is inside.
    return render(Problem("The request could not be completed. Try again, then tell an operator."))


class MalformedProblem(Problem):
    """The request could not be read."""

    status, slug, title = HTTPStatus.BAD_REQUEST, "malformed", "Malformed request"


class MethodProblem(Problem):
    """The resource does not know this method."""

    status, slug, title = HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed"


class MediaTypeProblem(Problem):
    """The body is not declared as JSON."""

    status, slug, title = (
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unsupported-media-type",
        "Unsupported media type",
    )


_BY_STATUS: dict[int, type[Problem]] = {
    HTTPStatus.NOT_FOUND: NotFoundProblem,
    HTTPStatus.METHOD_NOT_ALLOWED: MethodProblem,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: TooLargeProblem,
}
_WORDS: dict[int, str] = {
    HTTPStatus.BAD_REQUEST: "The body must be JSON in UTF-8.",
    HTTPStatus.NOT_FOUND: "There is no such path; the paths are listed in /api/v0/openapi.json.",
    HTTPStatus.METHOD_NOT_ALLOWED: "Use one of the methods in the `Allow` header.",
}


def pointer(location: Iterable[str | int]) -> str:
    """Say where in the request a value stands: a JSON pointer, or the parameter's name."""
    where, *path = location
    if where != "body":
        return str(path[-1]) if path else str(where)
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path) or "/"


def said(error: Mapping[str, Any]) -> str:
    """Say in words what a value must be."""
    if error["type"] == "extra_forbidden":
        return "Unknown field."
    if error["type"] == "missing":
        return "This field is required."
    return str(error["msg"]).removeprefix("Value error, ")


def _is_without_json(request: Request, errors: Iterable[Mapping[str, Any]]) -> bool:
    is_whole_body = any(
        tuple(one["loc"]) == ("body",) and one["type"] != "missing" for one in errors
    )
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    kind, _, subtype = media_type.partition("/")
    is_json = kind == "application" and (subtype == "json" or subtype.endswith("+json"))
    return is_whole_body and not is_json
