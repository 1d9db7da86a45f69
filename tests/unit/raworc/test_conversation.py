import itertools
import json
from typing import Any

import httpx2
import pytest

from raworc.client import Client
from raworc.conversation import MAX_SHORT_STREAMS, Conversation, Piece
from raworc.errors import FailedMessageError, UnreachableError
from raworc.records import Message

from .conftest import FakeApi, Reply

ASKED = {
    "id": "m1",
    "session_id": "s1",
    "role": "user",
    "content": "hi",
    "status": "queued",
    "created_at": "2026-01-01T00:00:00.000001Z",
}
ANSWER = {"id": "m2", "session_id": "s1", "role": "agent", "content": "ab", "reply_to": "m1"}
FAILED = {**ASKED, "status": "failed", "error": {"reason": "AgentError", "message": "no luck"}}


def stream(*events: tuple[str, dict[str, Any]]) -> Reply:
    text = "".join(
        f"event: {kind}\nid: {number}\ndata: {json.dumps(data)}\n\n"
        for number, (kind, data) in enumerate(events, start=1)
    )
    return httpx2.Response(200, text=text, headers={"content-type": "text/event-stream"})


def piece(text: str, index: int, message_id: str = "m1") -> tuple[str, dict[str, Any]]:
    return "piece", {"message_id": message_id, "index": index, "text": text}


@pytest.fixture
def conversation(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> Conversation:
    monkeypatch.setattr("raworc.conversation.PAUSE_SECONDS", 0.0)
    api.on("POST", "/sessions/s1/messages", httpx2.Response(201, json=ASKED))
    api.on("GET", "/sessions/s1/messages/m1", httpx2.Response(200, json=ASKED))
    return Conversation(Client("http://api.test", "t", transport=api.transport), "s1", "hi")


def test_pieces_come_before_the_answer(api: FakeApi, conversation: Conversation) -> None:
    other = ("message", {**ANSWER, "id": "m9", "reply_to": "m8"})
    events = stream(piece("x", 0, "m8"), other, piece("a", 0), piece("b", 1), ("message", ANSWER))
    api.on("GET", "/sessions/s1/events", events)
    assert list(conversation.follow()) == [
        Piece("a", 0),
        Piece("b", 1),
        Message.model_validate(ANSWER),
    ]


def test_the_stream_is_open_before_the_message_is_sent(
    api: FakeApi, conversation: Conversation
) -> None:
    api.on("GET", "/sessions/s1/events", stream(("message", ANSWER)))
    list(conversation.follow())
    assert [request.method for request in api.requests] == ["GET", "POST"]


def test_a_failed_message_raises_its_reason(api: FakeApi, conversation: Conversation) -> None:
    api.on("GET", "/sessions/s1/events", stream(("message", FAILED)))
    with pytest.raises(FailedMessageError, match="AgentError: no luck"):
        list(conversation.follow())


def test_a_stream_that_breaks_is_taken_up_where_it_was(
    api: FakeApi, conversation: Conversation
) -> None:
    api.on("GET", "/sessions/s1/events", stream(piece("a", 0)), stream(("message", ANSWER)))
    assert len(list(conversation.follow())) == 2
    streams = [request for request in api.requests if request.url.path.endswith("/events")]
    assert [request.headers.get("Last-Event-ID") for request in streams] == [None, "1"]
    assert sum(request.method == "POST" for request in api.requests) == 1


def test_an_answer_that_came_between_two_streams_is_found(
    api: FakeApi, conversation: Conversation
) -> None:
    api.on("GET", "/sessions/s1/events", stream(), stream())
    answered = {**ASKED, "status": "answered"}
    api.on("GET", "/sessions/s1/messages/m1", httpx2.Response(200, json=answered))
    api.on("GET", "/sessions/s1/messages", httpx2.Response(200, json=[ANSWER]))
    assert list(conversation.follow()) == [Message.model_validate(ANSWER)]


def test_a_failure_between_two_streams_is_found(api: FakeApi, conversation: Conversation) -> None:
    api.on("GET", "/sessions/s1/events", stream(), stream())
    api.on("GET", "/sessions/s1/messages/m1", httpx2.Response(200, json=FAILED))
    with pytest.raises(FailedMessageError, match="no luck"):
        list(conversation.follow())


def test_a_stream_that_never_speaks_is_given_up(api: FakeApi, conversation: Conversation) -> None:
    api.on("GET", "/sessions/s1/events", stream())
    with pytest.raises(UnreachableError):
        list(conversation.follow())
    streams = [request for request in api.requests if request.url.path.endswith("/events")]
    assert len(streams) == MAX_SHORT_STREAMS + 1


def test_an_api_that_is_away_for_a_moment_is_waited_for(
    api: FakeApi, conversation: Conversation
) -> None:
    away = httpx2.ConnectError("refused")
    api.on("GET", "/sessions/s1/events", stream(), away, away, stream(("message", ANSWER)))
    assert list(conversation.follow()) == [Message.model_validate(ANSWER)]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_without_its_api_is_waited_for(
    api: FakeApi, conversation: Conversation, status: int
) -> None:
    away = httpx2.Response(status, text="no")
    api.on("GET", "/sessions/s1/events", stream(), away, stream(("message", ANSWER)))
    assert list(conversation.follow()) == [Message.model_validate(ANSWER)]


def test_patience_begins_with_the_failure_however_long_the_stream_was(
    api: FakeApi, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(step=20)
    monkeypatch.setattr("raworc.conversation.monotonic", lambda: next(clock))
    away = httpx2.ConnectError("refused")
    api.on("GET", "/sessions/s1/events", stream(), away, stream(("message", ANSWER)))
    assert list(conversation.follow()) == [Message.model_validate(ANSWER)]


def test_an_api_that_is_away_is_asked_with_pauses(
    api: FakeApi, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("raworc.conversation.PAUSE_SECONDS", 1.0)
    monkeypatch.setattr("raworc.conversation.sleep", pauses.append)
    away = httpx2.Response(503, text="no")
    api.on("GET", "/sessions/s1/events", stream(), away, away, stream(("message", ANSWER)))
    list(conversation.follow())
    assert pauses == [1.0, 1.0]


def test_an_api_that_stays_away_is_given_up(
    api: FakeApi, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("raworc.conversation.PATIENCE_SECONDS", -1.0)
    api.on("GET", "/sessions/s1/events", stream(), httpx2.ConnectError("refused"))
    with pytest.raises(UnreachableError, match="refused"):
        list(conversation.follow())


def test_nothing_is_waited_for_before_the_message_is_sent(
    api: FakeApi, conversation: Conversation
) -> None:
    api.on("GET", "/sessions/s1/events", httpx2.ConnectError("refused"))
    with pytest.raises(UnreachableError, match="refused"):
        list(conversation.follow())
    assert len(api.requests) == 1
