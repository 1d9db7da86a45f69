"""HTTP as the host reads it, and what the API server's answers mean to it."""

import io
import json

import pytest

from raworc_host.connection import BrokenAnswerError, Origin, Response, parse_origin, read_response
from raworc_host.platform_api import (
    ConflictError,
    FencedError,
    NotKnownError,
    RefusedError,
    UnavailableError,
    read_reply,
)

CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def read(text: str) -> tuple[Response, bool]:
    return read_response(io.BufferedReader(io.BytesIO(text.encode())))


@pytest.mark.parametrize(
    ("url", "host", "port", "authority", "prefix"),
    [
        ("http://api", "api", 80, "api", ""),
        ("https://api", "api", 443, "api", ""),
        ("http://api:8080/raworc/", "api", 8080, "api:8080", "/raworc"),
        ("http://[::1]:8080", "::1", 8080, "[::1]:8080", ""),
        ("http://[::1]", "::1", 80, "[::1]", ""),
    ],
)
def test_a_url_is_taken_apart(url: str, host: str, port: int, authority: str, prefix: str) -> None:
    is_secure = url.startswith("https")
    assert parse_origin(url) == Origin(is_secure, host, port, authority, prefix)


@pytest.mark.parametrize(
    ("answer", "status", "body", "is_kept"),
    [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi...", 200, b"hi", True),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
        ("HTTP/1.1 200\r\ncontent-length:0\r\nConnection: close\r\n\r\n", 200, b"", False),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
        ("HTTP/1.0 500 Oh\r\n\r\nto the end", 500, b"to the end", False),
        (
            f"{CHUNKED}3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n",
            200,
            b"abc0123456789",
            True,
        ),
    ],
)
def test_an_answer_is_read(answer: str, status: int, body: bytes, *, is_kept: bool) -> None:
    assert read(answer) == (Response(status, body), is_kept)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 OK 200\r\n\r\n",
        f"{CHUNKED}xyz\r\n",
        f"{CHUNKED}5\r\nab",
    ],
)
def test_half_an_answer_is_none(answer: str) -> None:
    with pytest.raises(BrokenAnswerError):
        read(answer)


@pytest.mark.parametrize(
    ("status", "problem_type", "error"),
    [
        (409, "https://raworc.dev/problems/fenced", FencedError),
        (409, "https://raworc.dev/problems/conflict", ConflictError),
        (404, "about:blank", NotKnownError),
        (401, "about:blank", UnavailableError),
        (403, "about:blank", UnavailableError),
        (429, "about:blank", UnavailableError),
        (500, "about:blank", UnavailableError),
        (503, "about:blank", UnavailableError),
        (413, "about:blank", RefusedError),
        (422, "about:blank", RefusedError),
        (302, "about:blank", RefusedError),
    ],
)
def test_a_failure_means(status: int, problem_type: str, error: type[Exception]) -> None:
    body = json.dumps({"type": problem_type, "title": "No", "detail": "for a reason"}).encode()
    with pytest.raises(error, match=f"^POST claim: {status}: for a reason$"):
        read_reply("POST claim", Response(status, body))


def test_a_failure_that_is_no_problem_document_still_is_one() -> None:
    with pytest.raises(UnavailableError, match="502: no reason given"):
        read_reply("POST claim", Response(502, b"<html>Bad Gateway</html>"))


def test_success_without_json_is_worth_another_try() -> None:
    with pytest.raises(UnavailableError, match="is not JSON"):
        read_reply("POST claim", Response(200, b"<html>"))
    assert read_reply("POST release", Response(204, b"")) is None
