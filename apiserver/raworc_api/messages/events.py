"""The event stream of a session: its messages, the pieces of answers, and what it is at."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sse_starlette import ServerSentEvent

from raworc_api.accounts.authentication import Authentication
from raworc_api.core.database import UNAVAILABLE, Database
from raworc_api.core.permissions import Caller
from raworc_api.core.problems import ForbiddenProblem, NotFoundProblem, UnauthenticatedProblem
from raworc_api.core.threads import Threads
from raworc_api.core.wake import Bus, Hint, account_topic, session_topic
from raworc_api.messages import repository
from raworc_api.messages.schemas import MessageView
from raworc_api.messages.service import message_view
from raworc_api.sessions.schemas import SessionView
from raworc_api.sessions.service import session_view
from raworc_api.sessions.visibility import visible_session

# So long, news that can wait do: a question, its being taken and a quick answer are one look.
_GATHER_SECONDS = 0.05
_BATCH_ROWS = 200
# What a reader that does not read keeps here, until it is given up.
_BATCH_BYTES = 512 * 1024
_AWAY_SECONDS = 1.0
_PERMISSION = ("messages", "list")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    """What changed in a session since a revision, up to ``revision``."""

    messages: list[tuple[int, MessageView]]
    session: SessionView
    revision: int
    is_more: bool


@dataclass(slots=True)
class Stream:
    """How far one reader got."""

    caller: Caller
    session_id: str
    revision: int
    session: SessionView | None = field(default=None)
    is_renewed: bool = False


@dataclass(frozen=True, slots=True)
class EventService:
    """What a session's watchers are told."""

    database: Database
    bus: Bus
    authentication: Authentication
    threads: Threads
    stopping: asyncio.Event

    def open(self, caller: Caller, session_id: str, after: int | None) -> Stream:
        """Begin a stream after a revision, or (without one) now."""
        with self.database() as db:
            session = visible_session(db, caller, session_id, _PERMISSION)
        return Stream(caller, session.id, session.revision if after is None else after)

    async def follow(self, stream: Stream) -> AsyncIterator[ServerSentEvent]:
        """Tell everything from where the stream is, until its right or its session ends."""
        session, account = session_topic(stream.session_id), account_topic(stream.caller.name)
        with self.bus.read(session, account) as reader:
            is_due = True
            while not self.stopping.is_set():
                # Pieces carry what they tell: for them alone nobody has to look.
                if is_due:
                    try:
                        look = await self.threads.run(self._look, stream)
                    except UNAVAILABLE as error:
                        logger.warning(
                            "Session %s is looked at later: %s", stream.session_id, error
                        )
                        await asyncio.sleep(_AWAY_SECONDS)
                        continue
                    if look is None:
                        return
                    for event in _told(stream, look):
                        yield event
                    reader.seen = {session: stream.revision, account: stream.caller.rights}
                    if look.is_more:
                        continue
                hints = await reader.take(_seconds_left(stream.caller), _GATHER_SECONDS)
                stream.is_renewed = bool(hints) and account not in {hint.topic for hint in hints}
                is_over = _seconds_left(stream.caller) <= 0
                is_due = is_over or not hints or any(hint.data is None for hint in hints)
                for event in _pieces(hints):
                    yield event

    def _look(self, stream: Stream) -> Look | None:
        try:
            if not stream.is_renewed or _seconds_left(stream.caller) <= 0:
                stream.caller = self.authentication.renew(stream.caller)
            return self._changes(stream)
        except (UnauthenticatedProblem, ForbiddenProblem, NotFoundProblem):
            return None

    def _changes(self, stream: Stream) -> Look:
        with self.database() as db:
            # The session comes first: whatever its revision counts is committed by then.
            session = visible_session(db, stream.caller, stream.session_id, _PERMISSION)
            changed, is_more = repository.list_changed(
                db, session.id, stream.revision, _BATCH_ROWS, _BATCH_BYTES
            )
        messages = [(one.revision, message_view(one)) for one in changed]
        # What came after the session was read changed the session, too: it is looked at again.
        is_behind = bool(messages) and messages[-1][0] > session.revision
        return Look(messages, session_view(session), session.revision, is_more or is_behind)


def _seconds_left(caller: Caller) -> float:
    return max((caller.expires_at - datetime.now(UTC)).total_seconds(), 0)


def _told(stream: Stream, look: Look) -> Iterator[ServerSentEvent]:
    """Tell what is new to the reader, each event with the revision to go on from."""
    for revision, message in look.messages:
        stream.revision = revision
        text = _one_line(message.model_dump_json())
        yield ServerSentEvent(text, event="message", id=str(revision))
    if look.is_more:
        return
    # A reader may ask to begin after a revision that is yet to come.
    stream.revision = max(stream.revision, look.revision)
    if _is_news(stream.session, look.session):
        stream.session = look.session
        text = _one_line(look.session.model_dump_json())
        yield ServerSentEvent(text, event="session", id=str(stream.revision))


def _is_news(old: SessionView | None, new: SessionView) -> bool:
    # That something was said is told by the message itself.
    return old is None or old != new.model_copy(update={"last_activity_at": old.last_activity_at})


def _pieces(hints: Iterable[Hint]) -> Iterator[ServerSentEvent]:
    """Tell pieces without an id: they are not kept, so no reader can go on from one."""
    for hint in hints:
        if hint.data is not None:
            yield ServerSentEvent(json.dumps(hint.data), event="piece")


def _one_line(json_text: str) -> str:
    """Escape what is no line end in an event stream, but is one to many who read lines."""
    for end, escaped in (("\x85", "\\u0085"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        json_text = json_text.replace(end, escaped)
    return json_text
