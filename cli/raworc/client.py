"""The client of the REST API: one method an operation, refusals raised in the API's own words."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote
from uuid import uuid4

import httpx2

from raworc.errors import InvalidNameError, LoginRequiredError, UnreachableError, refusal
from raworc.records import Build, Event, Message, Session, Space, Token
from raworc.transport import ReliableTransport

ROOT = "/api/v0"
TIMEOUT = httpx2.Timeout(10, read=30)
# A stream that shows no sign of life for that long is dead; the API sends a comment more often.
STREAM_TIMEOUT = httpx2.Timeout(10, read=60)
# One event carries one message, and an answer may have 16 MiB before it is escaped.
MAX_EVENT_SIZE = 64 * 1024 * 1024

Query = Mapping[str, str | int | None]


class Client:
    """A caller of one API, with the token of one login."""

    def __init__(
        self, url: str, token: str | None = None, *, transport: httpx2.BaseTransport | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx2.Client(
            base_url=f"{url.rstrip('/')}{ROOT}",
            headers=headers,
            timeout=TIMEOUT,
            transport=ReliableTransport(transport),
        )

    def __enter__(self) -> Self:
        """Open nothing: connections are made by the requests."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the connections to the API."""
        self._http.close()

    # -- access --

    def login(self, user: str, password: str) -> Token:
        """Exchange a password for a token, and use the token from here on."""
        token = Token.model_validate(self._post("/auth/login", {"user": user, "pass": password}))
        self._http.headers["Authorization"] = f"Bearer {token.token}"
        return token

    def version(self) -> dict[str, Any]:
        """Ask the API who it is."""
        return dict(self._get("/version"))

    # -- spaces and builds --

    def list_spaces(self) -> Iterator[Space]:
        """List the spaces that the caller may see."""
        return map(Space.model_validate, self._list("/spaces"))

    def read_space(self, name: str) -> Space:
        """Read one space."""
        return Space.model_validate(self._get(_path("spaces", name)))

    def create_space(self, name: str, **spec: object) -> Space:
        """Create a space; ``spec`` is what the API takes beside the name, in snake_case."""
        return Space.model_validate(self._post("/spaces", {"name": name, **spec}))

    def delete_space(self, name: str) -> None:
        """Delete a space and everything in it."""
        self.request("DELETE", _path("spaces", name))

    def build_space(self, name: str) -> None:
        """Ask for a build of what the refs of the agents name by now."""
        self.request("POST", _path("spaces", name, "build"))

    def list_builds(self, space: str) -> Iterator[Build]:
        """List the builds of a space, newest first."""
        return map(Build.model_validate, self._list(_path("spaces", space, "build")))

    def read_build(self, space: str, build_id: str = "latest") -> Build:
        """Read one build of a space."""
        return Build.model_validate(self._get(_path("spaces", space, "build", build_id)))

    def read_build_logs(self, space: str, build_id: str) -> str:
        """Read what the build printed."""
        return self.request("GET", _path("spaces", space, "build", build_id, "logs")).text

    # -- sessions --

    def list_sessions(
        self, *, space: str | None = None, state: str | None = None, search: str | None = None
    ) -> Iterator[Session]:
        """List the sessions that the caller may see."""
        query = {"space": space, "state": state, "q": search}
        return map(Session.model_validate, self._list("/sessions", query))

    def read_session(self, session_id: str) -> Session:
        """Read one session."""
        return Session.model_validate(self._get(_path("sessions", session_id)))

    def create_session(self, space: str, *, key: str | None = None, **wishes: object) -> Session:
        """Create a session; a repetition with the same ``key`` returns the first one.

        ``wishes`` are ``name``, ``agent``, ``metadata`` and whatever else the API takes.
        """
        body = {"space": space, **wishes}
        return Session.model_validate(self._post("/sessions", body, key or str(uuid4())))

    def close_session(self, session_id: str) -> Session:
        """Close a session: its pod ends, its volume stays."""
        return Session.model_validate(self._post(_path("sessions", session_id, "close")))

    def restore_session(self, session_id: str) -> Session:
        """Open a closed session again, on its volume."""
        return Session.model_validate(self._post(_path("sessions", session_id, "restore")))

    def delete_session(self, session_id: str) -> None:
        """Delete a session with its volume and its messages."""
        self.request("DELETE", _path("sessions", session_id))

    # -- messages --

    def list_messages(
        self, session_id: str, *, role: str | None = None, after: str | None = None
    ) -> Iterator[Message]:
        """List the messages of a session, oldest first, all or those after a message's id."""
        query = {"role": role, "after": after}
        return map(
            Message.model_validate, self._list(_path("sessions", session_id, "messages"), query)
        )

    def read_message(self, session_id: str, message_id: str) -> Message:
        """Read one message of a session."""
        path = _path("sessions", session_id, "messages", message_id)
        return Message.model_validate(self._get(path))

    def cancel_message(self, session_id: str, message_id: str) -> Message:
        """Cancel a message that waits or is being answered."""
        path = _path("sessions", session_id, "messages", message_id, "cancel")
        return Message.model_validate(self._post(path))

    def post_message(
        self, session_id: str, content: str, *, key: str | None = None, **wishes: object
    ) -> Message:
        """Say something in a session; a repetition with the same ``key`` says it once.

        ``wishes`` are ``agent`` and ``metadata``.
        """
        body = {"content": content, **wishes}
        path = _path("sessions", session_id, "messages")
        return Message.model_validate(self._post(path, body, key or str(uuid4())))

    @contextmanager
    def open_events(self, session_id: str, after: str | None = None) -> Iterator[Iterator[Event]]:
        """Open the stream of a session's events, from now on or after the event ``after``."""
        path = _path("sessions", session_id, "events")
        headers = {"Last-Event-ID": after} if after else {}
        with (
            _reaching(self._http.base_url),
            self._http.sse(
                path, headers=headers, timeout=STREAM_TIMEOUT, max_event_size=MAX_EVENT_SIZE
            ) as source,
        ):
            _refuse(source.response)
            yield (
                Event(kind=event.event, id=event.id, data=event.json())
                for event in source
                if event.data
            )

    # -- the wire --

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Query | None = None,
        key: str | None = None,
    ) -> httpx2.Response:
        """Send one request to a path below the root of the API."""
        with _reaching(self._http.base_url):
            response = self._http.request(
                method,
                path,
                json=body,
                params={name: value for name, value in (query or {}).items() if value is not None},
                headers={"Idempotency-Key": key} if key else {},
            )
        return _refuse(response)

    def _get(self, path: str) -> Any:  # noqa: ANN401 - JSON, made into a record by the caller
        return self.request("GET", path).json()

    def _post(
        self, path: str, body: Mapping[str, Any] | None = None, key: str | None = None
    ) -> Any:  # noqa: ANN401 - as above
        return self.request("POST", path, body or {}, key=key).json()

    def _list(self, path: str, query: Query | None = None) -> Iterator[Any]:
        page = self.request("GET", path, query=query)
        yield from page.json()
        while following := page.links.get("next", {}).get("url"):
            # Only the cursor is taken from the link: the API may stand behind another address.
            page = self.request("GET", path, query=dict(httpx2.URL(following).params))
            yield from page.json()


def _path(*parts: str) -> str:
    for part in parts:
        # An address with these leads somewhere else.
        if part in {"", ".", ".."}:
            raise InvalidNameError(f"'{part}' is not a name.")
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _refuse(response: httpx2.Response) -> httpx2.Response:
    if response.is_error:
        response.read()
        problem = refusal(response)
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            raise LoginRequiredError(f"{problem}\nLog in again: raworc login URL")
        raise problem
    return response


@contextmanager
def _reaching(url: httpx2.URL) -> Iterator[None]:
    try:
        yield
    except httpx2.TransportError as error:
        raise UnreachableError(f"No answer from {url.host}: {error}") from error
