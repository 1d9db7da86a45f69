"""Messages that are cancelled, and what their hosts hear of it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.api_bed import ApiBed, messages, refusal, say


def statuses(bed: ApiBed, session: str) -> list[str]:
    return [one["status"] for one in messages(bed.client("ann"), session, role="user")]


def test_a_message_that_waits_is_cancelled_at_once_and_never_taken(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    first, second = say(ann, session, "first"), say(ann, session, "second")
    cancelled = ann.post(f"/sessions/{session}/messages/{first['id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert host.take()["message"]["id"] == second["id"]
    again = ann.post(f"/sessions/{session}/messages/{first['id']}/cancel")
    assert again.json() == cancelled.json()


@pytest.mark.parametrize("replica", [0, 1])
def test_a_host_hears_at_once_that_its_message_is_cancelled(bed: ApiBed, replica: int) -> None:
    ann = bed.client("ann", replica)
    session, host = bed.session(ann, name="one"), bed.host("one")
    say(ann, session, "long")
    message = host.take()["message"]
    following = say(ann, session, "next")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(host.heartbeat, message, 10)
        ann.post(f"/sessions/{session}/messages/{message['id']}/cancel")
        assert waiting.result(timeout=4).json() == {"cancel": True}
    assert statuses(bed, session) == ["processing", "queued"]
    taken = host.answer(message, "", status="cancelled").json()["next"]
    assert taken["message"]["id"] == following["id"]
    assert statuses(bed, session) == ["cancelled", "processing"]


def test_a_host_hears_of_a_cancellation_whose_hint_was_lost(
    bed: ApiBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    say(ann, session, "long")
    message = host.take()["message"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(host.heartbeat, message, 10)
        for replica in bed.replicas:
            monkeypatch.setattr(replica.bus, "_deliver", lambda _: None)
        ann.post(f"/sessions/{session}/messages/{message['id']}/cancel")
        assert waiting.result(timeout=8).json() == {"cancel": True}


def test_a_cancelled_message_whose_host_is_lost_is_not_run_again(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    message = say(ann, session, "long")
    host.take()
    ann.post(f"/sessions/{session}/messages/{message['id']}/cancel")
    assert bed.host("one").poll().status_code == 204
    assert statuses(bed, session) == ["cancelled"]


def test_an_answer_that_was_faster_than_its_cancellation_counts(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    say(ann, session, "quick")
    message = host.take()["message"]
    ann.post(f"/sessions/{session}/messages/{message['id']}/cancel")
    host.answer(message, "done")
    assert statuses(bed, session) == ["answered"]
    refused = ann.post(f"/sessions/{session}/messages/{message['id']}/cancel")
    assert "The message is answered" in refusal(refused, 409)["detail"]


def test_a_message_of_somebody_else_cannot_be_cancelled(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session = bed.session(ann, name="one")
    message = say(ann, session, "mine")
    refusal(bed.client("bob").post(f"/sessions/{session}/messages/{message['id']}/cancel"), 404)
    refusal(ann.post(f"/sessions/{session}/messages/none/cancel"), 404)
    assert statuses(bed, session) == ["queued"]


def test_a_heartbeat_notes_that_the_agent_works(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    say(ann, session, "long")
    message = host.take()["message"]
    before = ann.get(f"/sessions/{session}").json()["last_activity_at"]
    assert host.heartbeat(message).json() == {"cancel": False}
    assert ann.get(f"/sessions/{session}").json()["last_activity_at"] > before


def test_a_heartbeat_of_a_host_that_lost_its_session_is_refused(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, first = bed.session(ann, name="one"), bed.host("one")
    say(ann, session, "long")
    message = first.take()["message"]
    second = bed.host("one")
    assert refusal(first.heartbeat(message), 409)["type"].endswith("/fenced")
    again = second.take()["message"]
    assert refusal(second.heartbeat(message), 409)["type"].endswith("/stale-attempt")
    assert second.heartbeat(again).status_code == 200


def test_a_claim_tells_the_settings_of_the_space(bed: ApiBed) -> None:
    changed = bed.client("admin").patch("/spaces/team", json={"settings": {"tone": "kind"}})
    assert changed.status_code == 200, changed.text
    bed.session(bed.client("ann"), name="one")
    assert bed.pod("one").claim().json()["settings"] == {"tone": "kind"}
