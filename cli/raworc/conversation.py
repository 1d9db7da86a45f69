"""One question and its answer: post a message, follow the session's events until it is settled."""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic, sleep
from uuid import uuid4

from raworc.client import Client
from raworc.errors import FailedMessageError, RefusedError, UnreachableError
from raworc.records import Event, Message, Session

# How long an API may be away while a message waits: a replica that ends takes its streams along,
# and where there is one replica only, it has to come up again.
PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 1.0
# What a proxy says while the API is away.
_AWAY = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
# More streams in a row that end as soon as they began have another cause.
MAX_SHORT_STREAMS = 5
SHORT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer, as the agent gave it."""

    text: str
    index: int


Step = Piece | Session | Message


class Conversation:
    """The asking of one message; its key makes it safe to ask again on a broken connection."""

    def __init__(self, client: Client, session_id: str, content: str) -> None:
        self._client = client
        self._session_id = session_id
        self._content = content
        self._key = str(uuid4())
        self._asked: Message | None = None
        self._last_event = ""
        self._opened_at: float | None = None
        self._away_since: float | None = None
        self._short_streams = 0

    def follow(self) -> Iterator[Step]:
        """Yield the pieces as they come, what the session goes through, and last the answer."""
        while True:
            self._opened_at = None
            try:
                with closing(self._stream()) as steps:
                    for step in steps:
                        yield step
                        if isinstance(step, Message):
                            return
            except (UnreachableError, RefusedError) as error:
                is_away = isinstance(error, UnreachableError) or error.status in _AWAY
                if self._asked is None or not is_away or not self._is_patient():
                    raise
                sleep(PAUSE_SECONDS)
            else:
                self._count_short_stream()

    def _stream(self) -> Generator[Step]:
        # The stream is open before the message is posted, so that no piece is missed.
        with self._client.open_events(self._session_id, self._last_event or None) as events:
            self._opened_at = monotonic()
            yield from self._ask()
            for event in events:
                self._last_event = event.id or self._last_event
                self._away_since = None
                yield from self._read(event)

    def _is_patient(self) -> bool:
        """Say whether to try again, some time from the first failure in a row."""
        if not self._was_short():
            self._away_since = None
        now = monotonic()
        self._away_since = now if self._away_since is None else self._away_since
        return now <= self._away_since + PATIENCE_SECONDS

    def _was_short(self) -> bool:
        return self._opened_at is None or monotonic() < self._opened_at + SHORT_SECONDS

    def _count_short_stream(self) -> None:
        self._short_streams = self._short_streams + 1 if self._was_short() else 0
        if self._short_streams > MAX_SHORT_STREAMS:
            raise UnreachableError("The event stream keeps ending.")

    def _ask(self) -> Iterator[Message]:
        if self._asked is None:
            self._asked = self._client.post_message(self._session_id, self._content, key=self._key)
            return
        # The record has what happened while no stream was open.
        asked = self._client.read_message(self._session_id, self._asked.id)
        yield from self._settle(asked)
        if asked.status == "answered":
            for message in self._client.list_messages(self._session_id, after=asked.id):
                yield from self._settle(message)

    def _read(self, event: Event) -> Iterator[Step]:
        if event.kind == "session":
            yield Session.model_validate(event.data)
        elif event.kind == "message":
            yield from self._settle(Message.model_validate(event.data))
        elif event.kind == "piece" and self._asked and event.data["message_id"] == self._asked.id:
            yield Piece(event.data["text"], event.data["index"])

    def _settle(self, message: Message) -> Iterator[Message]:
        if self._asked is None:
            return
        if message.reply_to == self._asked.id:
            yield message
        if message.id == self._asked.id and message.status == "failed":
            raise FailedMessageError(_reason(message))
        if message.id == self._asked.id and message.status == "cancelled":
            raise FailedMessageError("The message was cancelled.")


def _reason(message: Message) -> str:
    if message.error is None:
        return "The message failed."
    return f"{message.error.reason}: {message.error.message}".rstrip(": ")
