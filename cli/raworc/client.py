"""The client of the REST API: one method an operation."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx2

from raworc.accounts import AccountMethods
from raworc.connection import path, reaching, refuse
from raworc.records import Build, Event, Message, Session, Space

# A stream that shows no sign of life for that long is dead; the API sends a comment more often.
STREAM_TIMEOUT = httpx2.Timeout(10, read=60)
# One event carries one message, and an answer may have 16 MiB before it is escaped.
MAX_EVENT_SIZE = 64 * 1024 * 1024


class Client(AccountMethods):
    """A caller of one API: everything that it can be asked."""

    def version(self) -> dict[str, Any]:
        """Ask the API who it is."""
        return dict(self._get("/version"))

    # -- spaces and builds --

    def list_spaces(self) -> Iterator[Space]:
        """List the spaces that the caller may see."""
        return map(Space.model_validate, self._list("/spaces"))

    def read_space(self, name: str) -> Space:
        """Read one space."""
        return Space.model_validate(self._get(path("spaces", name)))

    def create_space(self, name: str, **spec: object) -> Space:
        """Create a space; ``spec`` is what the API takes beside the name, in snake_case."""
        return Space.model_validate(self._post("/spaces", {"name": name, **spec}))

    def delete_space(self, name: str) -> None:
        """Delete a space and everything in it."""
        self.request("DELETE", path("spaces", name))

    def build_space(self, name: str) -> None:
        """Ask for a build of what the refs of the agents name by now."""
        self.request("POST", path("spaces", name, "build"))

    def list_builds(self, space: str) -> Iterator[Build]:
        """List the builds of a space, newest first."""
        return map(Build.model_validate, self._list(path("spaces", space, "build")))

    def read_build(self, space: str, build_id: str = "latest") -> Build:
        """Read one build of a space."""
        return Build.model_validate(self._get(path("spaces", space, "build", build_id)))

    def read_build_logs(self, space: str, build_id: str) -> str:
        """Read what the build printed."""
        return self.request("GET", path("spaces", space, "build", build_id, "logs")).text

    # -- sessions --

    def list_sessions(
        self, *, space: str | None = None, state: str | None = None, search: str | None = None
    ) -> Iterator[Session]:
        """List the sessions that the caller may see."""
        query = {"space": space, "state": state, "q": search}
        return map(Session.model_validate, self._list("/sessions", query))

    def read_session(self, session_id: str) -> Session:
        """Read one session."""
        return Session.model_validate(self._get(path("sessions", session_id)))

    def create_session(self, space: str, *, key: str | None = None, **wishes: object) -> Session:
        """Create a session; a repetition with the same ``key`` returns the first one.

        ``wishes`` are ``name``, ``agent``, ``metadata`` and whatever else the API takes.
        """
        body = {"space": space, **wishes}
        return Session.model_validate(self._post("/sessions", body, key or str(uuid4())))

    def close_session(self, session_id: str) -> Session:
        """Close a session: its pod ends, its volume stays."""
        return Session.model_validate(self._post(path("sessions", session_id, "close")))

    def restore_session(self, session_id: str) -> Session:
        """Open a closed session again, on its volume."""
        return Session.model_validate(self._post(path("sessions", session_id, "restore")))

    def delete_session(self, session_id: str) -> None:
        """Delete a session with its volume and its messages."""
        self.request("DELETE", path("sessions", session_id))

    # -- messages --

    def list_messages(
        self, session_id: str, *, role: str | None = None, after: str | None = None
    ) -> Iterator[Message]:
        """List the messages of a session, oldest first, all or those after a message's id."""
        query = {"role": role, "after": after}
        return map(
            Message.model_validate, self._list(path("sessions", session_id, "messages"), query)
        )

    def read_message(self, session_id: str, message_id: str) -> Message:
        """Read one message of a session."""
        where = path("sessions", session_id, "messages", message_id)
        return Message.model_validate(self._get(where))

    def cancel_message(self, session_id: str, message_id: str) -> Message:
        """Cancel a message that waits or is being answered."""
        where = path("sessions", session_id, "messages", message_id, "cancel")
        return Message.model_validate(self._post(where))

    def post_message(
        self, session_id: str, content: str, *, key: str | None = None, **wishes: object
    ) -> Message:
        """Say something in a session; a repetition with the same ``key`` says it once.

        ``wishes`` are ``agent`` and ``metadata``.
        """
        body = {"content": content, **wishes}
        where = path("sessions", session_id, "messages")
        return Message.model_validate(self._post(where, body, key or str(uuid4())))

    @contextmanager
    def open_events(self, session_id: str, after: str | None = None) -> Iterator[Iterator[Event]]:
        """Open the stream of a session's events, from now on or after the event ``after``."""
        where = path("sessions", session_id, "events")
        headers = {"Last-Event-ID": after} if after else {}
        with (
            reaching(self._http.base_url),
            self._http.sse(
                where, headers=headers, timeout=STREAM_TIMEOUT, max_event_size=MAX_EVENT_SIZE
            ) as source,
        ):
            refuse(source.response)
            yield (
                Event(kind=event.event, id=event.id, data=event.json())
                for event in source
                if event.data
            )
