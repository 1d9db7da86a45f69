"""The event stream of a session: nothing lost, nothing twice, and an end when there is one."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import httpx2
import pytest
from sqlalchemy import Engine, delete, update
from sqlalchemy.exc import OperationalError
from sqlmodel import col
from tests.support.api_bed import ApiBed, refusal, running_replicas, say
from tests.support.memory_cluster import MemoryCluster

from raworc_api.accounts.tables import Account, RoleBinding
from raworc_api.core.wake import ACCOUNT
from raworc_api.messages.events import EventService


class Event(NamedTuple):
    id: str
    kind: str
    data: dict[str, Any]


class Following:
    """One reader of a stream."""

    def __init__(self, source: httpx2.EventSource) -> None:
        self._events = iter(source)
        self.last_id = ""

    def next(self) -> Event:
        return next(self.all())

    def all(self) -> Iterator[Event]:
        for event in self._events:
            if event.data:
                self.last_id = event.id or self.last_id
                yield Event(event.id, event.event, json.loads(event.data))

    def until(self, kind: str, **wanted: object) -> Event:
        """Return the next event that has these values."""
        for event in self.all():
            if event.kind == kind and wanted.items() <= event.data.items():
                return event
        raise AssertionError(f"the stream ended without {kind} {wanted}")


@contextmanager
def following(
    client: httpx2.Client, session: str, after: int | None = None, last: str = ""
) -> Iterator[Following]:
    query = {} if after is None else {"after": after}
    headers = {"Last-Event-ID": last} if last else {}
    path = f"/sessions/{session}/events"
    with client.sse(path, params=query, headers=headers, max_event_size=None) as source:
        assert source.response.status_code == 200
        # Proxies shall not hold it back.
        assert source.response.headers["X-Accel-Buffering"] == "no"
        yield Following(source)


def test_a_stream_begins_with_the_session_as_it_is(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session = bed.session(ann, name="one")
    with following(ann, session) as stream:
        first = stream.next()
    assert (first.kind, first.data) == ("session", ann.get(f"/sessions/{session}").json())


@pytest.mark.parametrize("replica", [0, 1])
def test_a_stream_tells_a_turn_from_the_question_to_the_answer(bed: ApiBed, replica: int) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    with following(bed.client("ann", replica), session) as stream:
        stream.until("session", state="idle")
        asked = say(ann, session, "hello")
        assert stream.until("message").data == asked
        message = host.take()["message"]
        assert stream.until("message").data == {**asked, "status": "processing"}
        stream.until("session", state="busy")
        for index, text in enumerate(("hel", "lo")):
            host.piece(message, index, text)
            piece = stream.until("piece")
            assert piece.data == {
                "message_id": asked["id"],
                "attempt": 1,
                "index": index,
                "text": text,
            }
        host.answer(message, "hello")
        assert stream.until("message").data == {**asked, "status": "answered"}
        answer = stream.until("message")
        assert (answer.data["role"], answer.data["reply_to"]) == ("agent", asked["id"])
        stream.until("session", state="idle")


def test_a_reader_that_comes_back_misses_nothing_and_hears_nothing_twice(bed: ApiBed) -> None:
    """The connection is cut after every single event, while the conversation goes on."""
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    count = 8

    def converse() -> None:
        speaker = bed.client("ann", 1)
        for number in range(count):
            say(speaker, session, str(number))
            host.answer(host.take()["message"], f"answer {number}")

    heard: list[tuple[str, str]] = []
    last = "0"
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(converse)
        while not heard or heard[-1][1] != f"answer {count - 1}":
            with following(ann, session, last=last) as stream:
                event = stream.until("message")
                last = event.id
                heard.append((event.data["id"] + event.data["status"], event.data["content"]))
        done.result()
    assert len({key for key, _ in heard}) == len(heard)
    assert [text for _, text in heard if text.startswith("answer")] == [
        f"answer {number}" for number in range(count)
    ]


def test_a_stream_from_the_beginning_tells_everything_in_its_order(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    for number in range(250):
        say(ann, session, str(number))
    host.fail(host.take()["message"], "AgentError", "no")
    with following(ann, session, after=0) as stream:
        told = []
        for event in stream.all():
            if event.kind == "session":
                break
            told.append(event)
    assert len(told) == 250
    revisions = [int(event.id) for event in told]
    assert revisions == sorted(revisions)
    # Told as they are now: the first two were changed last.
    assert [event.data["content"] for event in told[-2:]] == ["0", "1"]
    assert told[-2].data["status"] == "failed"


def test_a_large_answer_comes_as_one_event(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    with following(ann, session) as stream:
        say(ann, session, "much")
        text = "line\n" * 1_000_000
        host.answer(host.take()["message"], text)
        assert stream.until("message", role="agent").data["content"] == text


@pytest.mark.parametrize("hints", [True, False])
def test_closing_and_restoring_are_told(bed: ApiBed, *, hints: bool) -> None:
    ann = bed.client("ann")
    session = bed.session(ann, name="one")
    with following(bed.client("ann", 1), session) as stream:
        stream.until("session", state="init")
        outward = bed.replicas[0].bus._outward
        bed.replicas[0].bus._outward = outward if hints else None
        try:
            ann.post(f"/sessions/{session}/close")
            stream.until("session", state="closed", closed=True)
            ann.post(f"/sessions/{session}/restore")
            stream.until("session", state="init", closed=False)
        finally:
            bed.replicas[0].bus._outward = outward


def test_a_stream_ends_with_its_session(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session = bed.session(ann, name="one")
    with following(bed.client("ann", 1), session) as stream:
        stream.next()
        ann.delete(f"/sessions/{session}")
        assert list(stream.all()) == []
    refusal(ann.get(f"/sessions/{session}/events"), 404)


def test_a_stream_ends_with_the_account(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session = bed.session(ann, name="one")
    with following(ann, session) as stream:
        stream.next()
        with bed.database() as db:
            db.connection().execute(
                update(Account).where(Account.name == "ann").values(active=False)  # type: ignore[arg-type]
            )
            db.commit()
        assert list(stream.all()) == []


def test_a_stream_ends_with_the_token(bed: ApiBed) -> None:
    session = bed.session(bed.client("ann"), name="one")
    # The end of a token is a whole second: of three, two are left at least.
    token = bed.replicas[0].tokens.issue("ann", 3)
    with following(bed.bearing(token.text), session) as stream:
        assert [event.kind for event in stream.all()] == ["session"]
    assert abs((datetime.now(UTC) - token.expires_at).total_seconds()) < 2


@pytest.mark.parametrize("after", ["-1", "x", str(2**63)])
def test_what_is_no_revision_is_refused(bed: ApiBed, after: str) -> None:
    ann = bed.client("ann")
    path = f"/sessions/{bed.session(ann)}/events"
    refusal(ann.get(path, params={"after": after}), 422)
    refusal(ann.get(path, headers={"Last-Event-ID": after}), 422)


def test_a_stop_ends_streams_and_polls_at_once(
    bed: ApiBed, migrated: Engine, api_cluster: MemoryCluster
) -> None:
    session = bed.session(bed.client("ann"), name="one")
    with running_replicas(migrated, api_cluster, 1) as (replica,), ThreadPoolExecutor(1) as pool:
        here = ApiBed([replica], bed.database, api_cluster)
        host = here.host("one")
        with following(here.client("ann"), session) as stream:
            stream.until("session", state="idle")
            polling = pool.submit(host.poll, 50)
            say(here.client("ann"), session, "hello")
            stream.until("message", status="processing")
            assert polling.result().status_code == 200
            host.answer(polling.result().json()["message"])
            polling = pool.submit(host.poll, 50)
            # The turn may have been too short for the session to be seen busy.
            stream.until("message", role="agent")
            assert replica.stop()
            assert {event.kind for event in stream.all()} <= {"session"}
            assert polling.result().status_code in {204, 503}
        here.close()


def test_a_stream_outlives_a_database_that_is_away(
    bed: ApiBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = bed.client("ann")
    session = bed.session(ann)
    changes, is_asked = EventService._changes, threading.Event()

    def be_away(*_: object) -> None:
        is_asked.set()
        raise OperationalError("SELECT", {}, Exception("2013 gone"))

    with following(ann, session) as stream:
        stream.until("session")
        monkeypatch.setattr(EventService, "_changes", be_away)
        say(ann, session, "hello")
        assert is_asked.wait(10)
        monkeypatch.setattr(EventService, "_changes", changes)
        stream.until("message", content="hello")


def test_a_reader_that_does_not_read_is_let_go(
    bed: ApiBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("raworc_api.messages.routes.STALLED_SECONDS", 1.0)
    ann, bus = bed.client("ann"), bed.replicas[0].bus
    session, host = bed.session(ann, name="one"), bed.host("one")
    with ann.stream("GET", f"/sessions/{session}/events") as stalled:
        assert stalled.status_code == 200
        say(ann, session, "go")
        message = host.take()["message"]
        assert bus.waited_for(ACCOUNT) == ["ann"]
        # More than all buffers of the sockets between them.
        for index in range(64):
            assert host.piece(message, index, "x" * 256 * 1024).status_code == 204
        for _ in range(100):
            if not bus.waited_for(ACCOUNT):
                break
            time.sleep(0.1)
        assert bus.waited_for(ACCOUNT) == []


def test_a_change_whose_hint_was_lost_is_told_all_the_same(
    bed: ApiBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    host.http.timeout = 40
    with following(ann, session) as stream, ThreadPoolExecutor(1) as pool:
        stream.until("session", state="idle")
        polling = pool.submit(host.poll, 30)
        for replica in bed.replicas:
            monkeypatch.setattr(replica.bus, "_deliver", lambda _: None)
        say(bed.client("ann", 1), session, "hello")
        assert polling.result().status_code == 200
        stream.until("message", status="processing")


def test_a_right_that_ended_ends_the_stream(bed: ApiBed) -> None:
    session = bed.session(bed.client("ann"), name="one")
    with following(bed.client("ann"), session) as stream:
        stream.next()
        with bed.database() as db:
            db.exec(delete(RoleBinding).where(col(RoleBinding.principal) == "ann"))
            db.commit()
        assert list(stream.all()) == []


def test_events_are_json_on_one_line(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session = bed.session(ann, name="one")
    say(ann, session, "two\r\nlines\u2028and\x85more")
    with ann.stream("GET", f"/sessions/{session}/events", params={"after": 0}) as response:
        for line in response.iter_lines():
            if line.startswith("data:"):
                content = json.loads(line.removeprefix("data:"))["content"]
                assert content == "two\r\nlines\u2028and\x85more"
                break
