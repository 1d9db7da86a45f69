"""A message is answered once and in its turn, whatever ends in the middle of it."""

import re
from uuid import uuid4

import pytest
from tests.e2e.conftest import Connect, NewSession
from tests.e2e.gates import open_gate
from tests.e2e.kubectl import SYSTEM, Kubectl
from tests.e2e.listening import Listener, is_answer_to, is_piece, is_piece_of
from tests.e2e.progress import answer, await_state, settled

from raworc.client import Client
from raworc.conversation import Conversation
from raworc.errors import FailedMessageError, RefusedError
from raworc.records import Message


def test_a_message_to_a_closed_session_wakes_it(api: Client, new_session: NewSession) -> None:
    session = new_session("memory", closed=True)
    assert await_state(api, session.id, "closed").closed
    message = api.post_message(session.id, "good morning")
    assert answer(api, message)
    assert not api.read_session(session.id).closed


def test_a_session_closed_while_messages_wait_answers_them_once_it_is_woken(
    api: Client, new_session: NewSession
) -> None:
    session = new_session("printing")
    await_state(api, session.id, "idle", "busy")
    first = api.post_message(session.id, "one")
    api.close_session(session.id)
    await_state(api, session.id, "closed")
    second = api.post_message(session.id, "two")
    assert [answer(api, first), answer(api, second)] == ["the answer", "the answer"]


def test_a_pod_killed_in_the_middle_of_an_answer_answers_once_and_in_order(
    api: Client, connect: Connect, kubectl: Kubectl, shared_space: str, new_session: NewSession
) -> None:
    session = new_session("interrupted")
    listener = Listener(connect(), session.id)
    first = api.post_message(session.id, "one")
    second = api.post_message(session.id, "two")
    third = api.post_message(session.id, "three", agent="printing")
    for message in (first, second):
        listener.until(is_piece_of(message.id, "began"))
        kubectl.kill(session.name, f"raworc-{shared_space}")
    assert answer(api, first) == "answered one"
    assert answer(api, second) == "answered two"
    assert answer(api, third) == "the answer"
    replies = [one.reply_to for one in api.list_messages(session.id, role="agent")]
    assert replies == [first.id, second.id, third.id]


def test_a_replica_killed_while_messages_wait_loses_none(
    connect: Connect, kubectl: Kubectl, shared_space: str, new_session: NewSession
) -> None:
    session = new_session("gated")
    for number, replica in enumerate(kubectl.pods("api"), start=1):
        listener = Listener(connect(), session.id)
        with connect() as fresh:
            message = fresh.post_message(session.id, str(number))
            waiting = fresh.post_message(session.id, str(number), agent="printing")
        listener.until(is_piece)
        kubectl.kill(replica, SYSTEM)
        open_gate(kubectl, shared_space, session.name, str(number))
        with connect() as fresh:
            assert answer(fresh, message) == f"waiting;passed {number}"
            assert answer(fresh, waiting) == "the answer"
        kubectl.rolled_out("raworc-api")


def test_a_message_to_one_replica_is_delivered_through_the_other(
    connect: Connect, kubectl: Kubectl, new_session: NewSession
) -> None:
    kubectl.rolled_out("raworc-api")
    session = new_session("printing")
    one, other, *_ = kubectl.pods("api")
    with kubectl.forwarded(one, 8080) as here, kubectl.forwarded(other, 8080) as there:
        for posting, hearing in ((here, there), (there, here)):
            listener = Listener(connect(hearing), session.id)
            with connect(posting) as client:
                message = client.post_message(session.id, "hello")
            heard = listener.until(is_answer_to(message.id))
            assert heard.data["content"] == "the answer"


def test_a_repeated_post_says_it_once(api: Client, new_session: NewSession) -> None:
    key = str(uuid4())
    session = new_session("printing", key=key, name="said-once")
    assert new_session("printing", key=key, name="said-once").id == session.id
    message = api.post_message(session.id, "hello", key="e2e-key")
    assert answer(api, message) == "the answer"
    assert api.post_message(session.id, "hello", key="e2e-key").id == message.id
    with pytest.raises(RefusedError) as refused:
        api.post_message(session.id, "something else", key="e2e-key")
    assert refused.value.status == 422
    assert [one.content for one in api.list_messages(session.id)] == ["hello", "the answer"]


@pytest.mark.parametrize(
    ("agent", "text", "reason", "next_answer"),
    [
        ("raising", "magic", "AgentError: .*ValueError.*cannot do magic", None),
        ("exiting", "exit", "AgentExited: .*7", "still here"),
        ("hanging", "hang", "BusyTimeout: .*2", "awake"),
    ],
)
def test_an_agent_that_fails_says_why_and_the_next_message_works(
    api: Client,
    new_session: NewSession,
    agent: str,
    text: str,
    reason: str,
    next_answer: str | None,
) -> None:
    session = new_session(agent, busy_timeout_seconds=2)
    message = api.post_message(session.id, text)
    failed = settled(api, message)
    assert failed.status == "failed"
    assert failed.error
    assert re.match(reason, f"{failed.error.reason}: {failed.error.message}")
    following = api.post_message(session.id, "next", agent=None if next_answer else "printing")
    assert answer(api, following) == (next_answer or "the answer")


def test_what_an_agent_prints_goes_to_its_log_alone(
    api: Client, kubectl: Kubectl, shared_space: str, new_session: NewSession
) -> None:
    session = new_session("printing")
    assert answer(api, api.post_message(session.id, "hello")) == "the answer"
    pod = ("exec", "-n", f"raworc-{shared_space}", session.name, "--")
    for stream in ("stdout", "stderr"):
        log = kubectl(*pod, "sh", "-c", f"cat /session/logs/printing_*_{stream}.log")
        assert f"a remark on {stream}" in log


def test_a_large_message_and_its_limit(api: Client, new_session: NewSession) -> None:
    session = new_session("memory")
    with pytest.raises(RefusedError) as refused:
        api.post_message(session.id, "x" * (1024 * 1024 + 1))
    assert refused.value.status == 413
    assert answer(api, api.post_message(session.id, "y" * 200_000))


def test_a_conversation_follows_an_answer_piece_by_piece(
    connect: Connect, kubectl: Kubectl, shared_space: str, new_session: NewSession
) -> None:
    session = new_session("gated")
    with connect() as client:
        await_state(client, session.id, "idle")
        open_gate(kubectl, shared_space, session.name, "go")
        *_, last = Conversation(client, session.id, "go").follow()
    assert isinstance(last, Message)
    assert last.content == "waiting;passed go"


def test_a_conversation_ends_in_the_reason_of_a_failure(
    api: Client, new_session: NewSession
) -> None:
    session = new_session("raising")
    with pytest.raises(FailedMessageError, match="cannot do this"):
        list(Conversation(api, session.id, "this").follow())
