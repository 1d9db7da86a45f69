"""The host protocol: what the host asks of the API server, and what the answers mean."""

import json
from typing import Any, TypeVar

from raworc_host.backoff import jitter
from raworc_host.connection import Body, Connection, Interrupt, Response, Whole
from raworc_host.conversation import Answer, Attempt, Claim, Json, Message
from raworc_host.pod_token import PodToken

_BASE = "/api/v0/host"
# Below the minute after which many a proxy ends a request that is silent.
POLL_SECONDS = 55
HEARTBEAT_SECONDS = 20
RELEASE_SECONDS = 2.0
_REQUEST_SECONDS = 10.0
_ANSWER_SECONDS = 30.0
_POLL_MARGIN_SECONDS = 10.0
_FIRST_FAILURE, _NOT_FOUND, _CONFLICT, _FIRST_SERVER_ERROR = 300, 404, 409, 500
# Worth another try, like every 5xx: the token is about to be renewed, or the server is overloaded.
_PASSING = frozenset({401, 403, 408, 425, 429})

Parsed = TypeVar("Parsed", Claim, Message)


class HostProtocolError(Exception):
    """The API server did not do what it was asked."""


class UnavailableError(HostProtocolError):
    """The API server could not be asked, or not now; asking again may help."""


class FencedError(HostProtocolError):
    """Another pod hosts the session."""


class NotKnownError(HostProtocolError):
    """The API server knows no such session or message."""


class ConflictError(HostProtocolError):
    """The message has moved on without this attempt."""


class RefusedError(HostProtocolError):
    """The request is wrong, and will be however often it is repeated."""


class PlatformApi:
    """The API server, over one connection; for one thread."""

    def __init__(self, connection: Connection, token: PodToken) -> None:
        self._connection = connection
        self._token = token

    def claim(self, interrupt: Interrupt) -> Claim:
        """Become the session's host."""
        return _understood(Claim, self._post("claim", {}, interrupt=interrupt))

    def next_message(self, interrupt: Interrupt) -> Message | None:
        """Wait for the next message; none came when the answer is None."""
        # Spread, so that hosts that came back together do not ask together from then on.
        wait = round(POLL_SECONDS * (1 + jitter()) / 2, 2)
        timeout = wait + _POLL_MARGIN_SECONDS
        reply = self._ask("GET", f"messages/next?wait={wait}", None, timeout, interrupt)
        return _understood(Message, reply) if reply else None

    def post_answer(self, answer: Answer) -> Message | None:
        """Post an answer; a message that waits already comes back with it."""
        reply = self._ask("POST", "answers", answer.render(), timeout=_ANSWER_SECONDS)
        following = (reply or {}).get("next")
        return _understood(Message, following) if following else None

    def post_piece(self, attempt: Attempt, index: int, text: str) -> None:
        """Post a piece of an answer that is still being given."""
        self._post("pieces", {**_wire(attempt), "index": index, "text": text})

    def heartbeat(self, attempt: Attempt, interrupt: Interrupt) -> bool:
        """Say that a turn goes on, and wait for a while; return whether it shall be cancelled."""
        reply = self._post(
            f"heartbeat?wait={HEARTBEAT_SECONDS}",
            {**_wire(attempt), "state": "busy"},
            timeout=HEARTBEAT_SECONDS + _POLL_MARGIN_SECONDS,
            interrupt=interrupt,
        )
        return bool((reply or {}).get("cancel"))

    def release(self) -> None:
        """Say that this pod hosts the session no longer."""
        self._post("release", {}, timeout=RELEASE_SECONDS)

    def _post(
        self,
        path: str,
        payload: Json,
        timeout: float = _REQUEST_SECONDS,
        interrupt: Interrupt | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
        body = Whole(text.encode("utf-8", "replace"))
        return self._ask("POST", path, body, timeout, interrupt)

    def _ask(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        timeout: float = _REQUEST_SECONDS,
        interrupt: Interrupt | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        try:
            headers = {"Authorization": f"Bearer {self._token.read()}"}
            response = self._connection.request(
                method, f"{_BASE}/{path}", headers, body, timeout, interrupt
            )
        except OSError as error:
            raise UnavailableError(f"{method} {path}: {error}") from error
        return read_reply(f"{method} {path}", response)


def _wire(attempt: Attempt) -> dict[str, Any]:
    return {"message_id": attempt.message_id, "attempt": attempt.number}


def read_reply(request: str, response: Response) -> Any:  # noqa: ANN401 - JSON
    """Return what the answer holds, or raise what it means."""
    try:
        content = json.loads(response.body or b"null")
    except ValueError as error:
        if response.status < _FIRST_FAILURE:
            raise UnavailableError(f"{request}: the response is not JSON") from error
        content = {}
    if response.status >= _FIRST_FAILURE:
        raise _failure(request, response.status, content if isinstance(content, dict) else {})
    return content


def _failure(request: str, status: int, problem: Json) -> HostProtocolError:
    words = problem.get("detail") or problem.get("title") or "no reason given"
    kind = _kind_of_failure(status, str(problem.get("type", "")))
    return kind(f"{request}: {status}: {words}")


def _kind_of_failure(status: int, problem_type: str) -> type[HostProtocolError]:
    if status == _CONFLICT:
        return FencedError if problem_type.endswith("/fenced") else ConflictError
    if status == _NOT_FOUND:
        return NotKnownError
    is_passing = status in _PASSING or status >= _FIRST_SERVER_ERROR
    return UnavailableError if is_passing else RefusedError


def _understood(kind: type[Parsed], reply: Any) -> Parsed:  # noqa: ANN401 - JSON
    try:
        return kind.parse(reply)
    except (KeyError, TypeError, AttributeError) as error:
        raise UnavailableError(
            f"the response is not a valid {kind.__name__.lower()}: {error!r}"
        ) from error
