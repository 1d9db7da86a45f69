"""Messages over REST and the host protocol: in order, answered once, never lost."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import select
from tests.support.api_bed import ApiBed, messages, refusal, say

from raworc_api.messages.tables import MessageRecord


def test_a_message_is_answered(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session = bed.session(ann, name="one", agent="echo", metadata={"ticket": "7"})
    host = bed.pod("one")
    claimed = host.claim().json()
    assert claimed == {
        "session_id": session,
        "space": "team",
        "agent": "echo",
        "created_by": "ann",
        "metadata": {"ticket": "7"},
        "settings": {},
        "busy_timeout_seconds": None,
    }
    asked = say(ann, session, "hello", metadata={"mood": "good"})
    assert asked["status"] == "queued"
    turn = host.take()
    assert turn["message"]["content"] == "hello"
    assert turn["message"]["metadata"] == {"mood": "good"}
    assert turn["message"]["attempt"] == 1
    assert turn["history"] == []
    assert ann.get(f"/sessions/{session}/state").json()["state"] == "busy"
    answered = host.answer(turn["message"], "hello, ann", agent="echo", metadata={"why": "only"})
    assert answered.json() == {"next": None}
    question, answer = messages(ann, session)
    assert (question["status"], question["role"]) == ("answered", "user")
    assert answer["reply_to"] == question["id"]
    assert (answer["role"], answer["agent"], answer["content"]) == ("agent", "echo", "hello, ann")
    assert (answer["status"], answer["metadata"]) == ("delivered", {"why": "only"})
    assert ann.get(f"/sessions/{session}/state").json()["state"] == "idle"


def test_messages_are_answered_in_their_order_without_another_request(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session = bed.session(ann, name="one")
    for text in ("a", "b", "c"):
        say(ann, session, text)
    host = bed.host("one")
    turn, seen, lengths = host.take(), [], []
    while turn is not None:
        seen.append(turn["message"]["content"])
        lengths.append([one["content"] for one in turn["history"]])
        turn = host.answer(turn["message"], turn["message"]["content"].upper()).json()["next"]
    assert seen == ["a", "b", "c"]
    assert lengths == [[], ["a", "A"], ["a", "A", "b", "B"]]
    assert [one["seq"] for one in messages(ann, session)] == [1, 2, 3, 4, 5, 6]


def test_an_answer_too_large_for_a_host_is_not_in_its_history(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    for text in ("short", "long", "next", "last"):
        say(ann, session, text)
    turn = host.answer(host.take()["message"], "ok").json()["next"]
    assert len(turn["history"]) == 2
    turn = host.answer(turn["message"], "x" * (4 * 1024 * 1024 + 1)).json()["next"]
    assert turn["history"] == []
    turn = host.answer(turn["message"], "ok").json()["next"]
    assert [one["content"] for one in turn["history"]] == ["next", "ok"]


def test_a_history_is_bounded_by_what_it_takes_as_json(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    for text in ("first", "second", "last"):
        say(ann, session, text)
    # Of control characters each takes six bytes, and of four MiB two such answers take more.
    long = chr(0x1F600) + "\x01" * (400 * 1024)
    turn = host.answer(host.take()["message"], long).json()["next"]
    assert [one["content"] for one in turn["history"]] == ["first", long]
    turn = host.answer(turn["message"], long).json()["next"]
    assert [one["content"] for one in turn["history"]] == ["second", long]


def test_more_messages_than_a_page_are_all_answered_and_all_listed(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    for number in range(60):
        say(ann, session, str(number))
    turn = host.take()
    while turn is not None:
        turn = host.answer(turn["message"], turn["message"]["content"]).json()["next"]
    listed = messages(ann, session, limit=25)
    assert len(listed) == 120
    assert [one["content"] for one in listed if one["role"] == "user"] == [
        str(number) for number in range(60)
    ]
    assert {one["status"] for one in listed} == {"answered", "delivered"}


def test_a_failed_message_says_why_and_the_next_one_works(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    say(ann, session, "bad")
    say(ann, session, "good")
    following = host.fail(host.take()["message"], "AgentError", "ValueError: no").json()["next"]
    host.answer(following["message"], "fine")
    bad, good, answer = messages(ann, session)
    assert bad["status"] == "failed"
    assert bad["error"] == {"reason": "AgentError", "message": "ValueError: no"}
    assert (good["status"], answer["reply_to"]) == ("answered", good["id"])


def test_an_answer_posted_twice_is_one_answer(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    say(ann, session, "hello")
    message = host.take()["message"]
    say(ann, session, "more")
    first = host.answer(message, "once").json()["next"]
    again = host.answer(message, "twice").json()["next"]
    assert first["message"] == again["message"]
    assert [one["content"] for one in messages(ann, session, role="agent")] == ["once"]


def test_an_answer_posted_many_times_at_once_is_one_answer(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    say(ann, session, "hello")
    message = host.take()["message"]
    with ThreadPoolExecutor(8) as pool:
        posted = list(pool.map(lambda number: host.answer(message, str(number)), range(8)))
    assert {response.status_code for response in posted} == {200}
    assert len(messages(ann, session, role="agent")) == 1


def test_a_turn_of_a_pod_that_died_begins_anew_in_the_next_pod(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, first = bed.session(ann, name="one"), bed.host("one")
    say(ann, session, "hello")
    lost = first.take()["message"]
    second = bed.host("one")
    again = second.take()["message"]
    assert (again["id"], again["attempt"]) == (lost["id"], 2)
    for request in (first.poll(), first.answer(lost), first.piece(lost, 0, "x")):
        assert refusal(request, 409)["type"].endswith("/fenced")
    assert second.answer(again, "at last").status_code == 200
    assert [one["content"] for one in messages(ann, session, role="agent")] == ["at last"]


def test_a_host_that_starts_again_in_its_pod_begins_the_turn_anew(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    say(ann, session, "hello")
    lost = host.take()["message"]
    host.claim()
    again = host.take()["message"]
    assert again["attempt"] == lost["attempt"] + 1
    assert refusal(host.answer(lost), 409)["type"].endswith("/stale-attempt")
    assert refusal(host.piece(lost, 0, "x"), 409)["type"].endswith("/stale-attempt")
    assert host.answer(again).status_code == 200


def test_a_turn_whose_delivery_was_lost_is_delivered_again_as_it_was(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    say(ann, session, "hello")
    assert host.take() == host.take()


def test_a_message_whose_pods_are_lost_again_and_again_fails_and_the_next_is_taken(
    bed: ApiBed,
) -> None:
    ann = bed.client("ann")
    session = bed.session(ann, name="one")
    say(ann, session, "deadly")
    say(ann, session, "harmless")
    attempts = [bed.host("one").take()["message"]["attempt"] for _ in range(3)]
    assert attempts == [1, 2, 3]
    following = bed.host("one").take()
    assert following["message"]["content"] == "harmless"
    assert following["history"][0]["content"] == "deadly"
    deadly = messages(ann, session)[0]
    assert (deadly["status"], deadly["error"]["reason"]) == ("failed", "AgentLost")


def test_turns_that_were_handed_back_are_no_losses(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session = bed.session(ann, name="one")
    say(ann, session, "patience")
    for attempt in range(1, 5):
        host = bed.host("one")
        assert host.take()["message"]["attempt"] == attempt
        assert host.release().status_code == 204
    host = bed.host("one")
    assert host.answer(host.take()["message"], "at last").status_code == 200
    assert [one["content"] for one in messages(ann, session, role="agent")] == ["at last"]


def test_a_pod_that_is_gone_cannot_take_its_session_back(bed: ApiBed) -> None:
    bed.session(bed.client("ann"), name="one")
    first, second = bed.host("one"), bed.host("one")
    assert refusal(first.claim(), 409)["type"].endswith("/fenced")
    assert second.poll().status_code == 204


def test_a_host_that_leaves_gives_its_turn_back(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    say(ann, session, "hello")
    host.take()
    assert host.release().status_code == 204
    assert host.release().status_code == 204
    assert messages(ann, session)[0]["status"] == "queued"
    assert ann.get(f"/sessions/{session}/state").json()["state"] == "init"
    assert refusal(host.poll(), 409)["type"].endswith("/fenced")


@pytest.mark.parametrize(("posting", "polling"), [(0, 0), (0, 1), (1, 0)])
def test_a_waiting_host_is_woken_through_any_replica(
    bed: ApiBed, posting: int, polling: int
) -> None:
    ann = bed.client("ann", posting)
    session, host = bed.session(ann, name="one"), bed.host("one", polling)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(host.take)
        asked = say(ann, session, "hello")
        assert waiting.result()["message"]["id"] == asked["id"]


def test_a_message_reaches_the_host_though_its_hint_is_lost(bed: ApiBed) -> None:
    """The record is what counts: hints only make it quick."""
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one", 1)
    outward, bed.replicas[0].bus._outward = bed.replicas[0].bus._outward, None
    try:
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(host.take)
            asked = say(ann, session, "hello")
            assert waiting.result()["message"]["id"] == asked["id"]
    finally:
        bed.replicas[0].bus._outward = outward


def test_messages_posted_at_once_have_one_order_without_gaps(bed: ApiBed) -> None:
    ann, other = bed.client("ann"), bed.client("ann", 1)
    session = bed.session(ann, name="one")
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda i: say((ann, other)[i % 2], session, str(i))["seq"], range(24)))
    assert sorted(sent) == list(range(1, 25))
    assert [one["seq"] for one in messages(ann, session)] == list(range(1, 25))


def test_a_repeated_key_sends_once(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session = bed.session(ann, name="one")
    path, key = f"/sessions/{session}/messages", {"Idempotency-Key": "k-1"}
    barrier = threading.Barrier(6)

    def send(_: int) -> str:
        barrier.wait()
        sent = ann.post(path, json={"content": "hello"}, headers=key)
        assert sent.status_code == 201
        return str(sent.json()["id"])

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(send, range(6)))) == 1
    other = ann.post(path, json={"content": "bye"}, headers=key)
    assert "Idempotency-Key" in refusal(other, 422)["detail"]
    assert len(messages(ann, session)) == 1


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
def test_a_key_that_cannot_be_one_is_refused(bed: ApiBed, key: str) -> None:
    ann = bed.client("ann")
    session = bed.session(ann)
    headers = {b"Idempotency-Key": key.encode()}
    sent = ann.post(f"/sessions/{session}/messages", json={"content": "x"}, headers=headers)
    refusal(sent, 422)


@pytest.mark.parametrize("role", ["agent", "system", "assistant", "root"])
def test_nobody_speaks_as_somebody_else(bed: ApiBed, role: str) -> None:
    ann = bed.client("ann")
    session = bed.session(ann)
    sent = ann.post(f"/sessions/{session}/messages", json={"content": "x", "role": role})
    problem = refusal(sent, 422)
    assert problem["errors"][0]["pointer"] == "/role"
    assert "must be 'user'" in problem["errors"][0]["detail"]


def test_large_messages_and_answers_come_through_whole(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    question, answer = "é" * (512 * 1024), "ü" * (3 * 1024 * 1024)
    say(ann, session, question)
    turn = host.take()
    assert turn["message"]["content"] == question
    assert host.answer(turn["message"], answer).status_code == 200
    assert messages(ann, session, role="agent")[0]["content"] == answer


def test_a_message_above_a_mebibyte_is_refused_by_its_size(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session = bed.session(ann)
    path = f"/sessions/{session}/messages"
    assert "1048576" in refusal(ann.post(path, json={"content": "x" * 1048577}), 413)["detail"]
    assert ann.post(path, json={"content": "x" * 1048576}).status_code == 201


def test_an_answer_above_16_mebibytes_fails_its_message(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    say(ann, session, "much")
    assert host.answer(host.take()["message"], "x" * (16 * 1024 * 1024 + 1)).status_code == 200
    assert messages(ann, session)[0]["error"]["reason"] == "AnswerTooLarge"


def test_odd_characters_are_stored_as_they_are(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    text = "é 😀 \u202e \\ ' \" % _ ; -- \r\n\t \x7f ñ"
    say(ann, session, text, metadata={"ключ": [text, {"a": None}]})
    message = host.take()["message"]
    assert (message["content"], message["metadata"]) == (text, {"ключ": [text, {"a": None}]})
    host.answer(message, text)
    assert messages(ann, session, role="assistant")[0]["content"] == text


def test_lists_are_narrowed_by_role_time_and_cursor(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    first = say(ann, session, "a")
    second = say(ann, session, "b")
    host.answer(host.take()["message"], "A")
    path = f"/sessions/{session}/messages"

    def contents(**query: str | int) -> list[str]:
        return [one["content"] for one in ann.get(path, params=query).json()]

    assert contents(role="agent") == contents(role="assistant") == ["A"]
    assert contents(after=first["id"]) == contents(after=1) == ["b", "A"]
    assert contents(since=second["created_at"]) == ["b", "A"]
    assert contents(limit=1) == ["a"]
    assert ann.get(f"{path}/count").json() == {"count": 3}
    assert ann.get(f"{path}/count", params={"role": "user"}).json() == {"count": 2}
    for query in ({"after": "nobody"}, {"limit": 0}, {"since": "x"}, {"role": "x"}, {"x": 1}):
        refusal(ann.get(path, params=query), 422)


def test_a_page_ends_before_it_grows_too_large(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session = bed.session(ann, name="one")
    for _ in range(10):
        say(ann, session, "x" * (1024 * 1024))
    page = ann.get(f"/sessions/{session}/messages")
    assert len(page.json()) == 8
    assert "next" in page.links
    assert len(messages(ann, session)) == 10


def test_what_a_host_says_of_a_message_that_is_not_there_is_refused(bed: ApiBed) -> None:
    ann = bed.client("ann")
    bed.session(ann, name="one")
    other = say(ann, bed.session(ann, name="other"), "hello")
    host = bed.host("one")
    for message_id in ("nobody", other["id"]):
        refusal(host.answer({"id": message_id, "attempt": 1}), 404)
        refusal(host.piece({"id": message_id, "attempt": 1}, 0, "x"), 409)


def test_an_answer_needs_no_rows_but_its_own(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    say(ann, session, "hello")
    host.answer(host.take()["message"], "once")
    with bed.database() as db:
        rows = db.exec(select(MessageRecord)).all()
    assert len({(row.session_id, row.seq) for row in rows}) == len(rows) == 2
    assert len({row.revision for row in rows}) == 2
