"""What is made and what is deleted for a session."""

from datetime import timedelta
from typing import Any

import pytest
from tests.unit.raworc_operator.samples import (
    IMAGE,
    NOON,
    NOON_TEXT,
    READY,
    RUNNING,
    SETTINGS,
    claim,
    owned,
    pod,
    session,
    space,
    view,
)

from raworc_crds.agent_session import SessionReason
from raworc_kube.objects import Manifest
from raworc_operator.sessions.plan import Builders, Plan, plan_session
from raworc_operator.sessions.pod import session_pod
from raworc_operator.sessions.view import (
    RESTARTS_ANNOTATION,
    SessionSnapshot,
    replacement_delay,
)
from raworc_operator.sessions.volume import session_claim

BUILDERS = Builders(
    lambda seen: session_pod(seen, SETTINGS), session_claim, "raworc-", SETTINGS.api_url
)
STARTED = {"startTime": NOON_TEXT, "restarts": 0}


def plan(seen: SessionSnapshot, seconds: float = 0) -> Plan:
    return plan_session(seen, BUILDERS, NOON + timedelta(seconds=seconds))


def kinds(decided: Plan) -> list[str]:
    return [manifest["kind"] for manifest in decided.create]


def failed(status: dict[str, Any], reason: str = "Evicted") -> Manifest:
    conditions = [{"type": "PodReady", "status": "False", "reason": reason, "message": "full"}]
    return session({**status, "conditions": conditions})


def test_a_new_session_gets_its_volume_and_its_pod_at_once() -> None:
    assert kinds(plan(view())) == ["PersistentVolumeClaim", "Pod"]


def test_a_restored_session_gets_a_pod_on_the_volume_it_has() -> None:
    assert kinds(plan(view(claim=claim()))) == ["Pod"]


def test_a_pod_does_not_wait_until_its_volume_is_bound() -> None:
    assert kinds(plan(view(claim=claim("Pending")))) == ["Pod"]


def test_a_session_that_runs_needs_nothing() -> None:
    assert plan(view(claim=claim(), pod=pod(READY, **RUNNING))).is_empty


def test_a_closed_session_loses_its_pod_and_keeps_its_volume() -> None:
    decided = plan(view(session(closed=True), claim=claim(), pod=pod(READY)))
    assert [manifest["kind"] for manifest in decided.delete] == ["Pod"]
    assert not decided.create


def test_a_pod_that_stops_is_not_deleted_again() -> None:
    stopping = owned("Pod", {}, deletionTimestamp=NOON_TEXT)
    assert plan(view(session(closed=True), pod=stopping)).is_empty


def test_a_session_that_is_opened_while_its_pod_stops_waits_for_it() -> None:
    stopping = owned("Pod", {}, deletionTimestamp=NOON_TEXT)
    assert plan(view(claim=claim(), pod=stopping)).is_empty


def test_nothing_is_made_for_a_session_that_is_being_deleted() -> None:
    going = session()
    going["metadata"]["deletionTimestamp"] = NOON_TEXT
    assert plan(view(going)).is_empty


@pytest.mark.parametrize("kind", ["claim", "pod"])
def test_the_child_of_an_earlier_session_of_this_name_is_never_used(kind: str) -> None:
    children = {"claim": claim(), kind: owned("Any", {}, ownerReferences=[{"uid": "former"}])}
    assert "Pod" not in kinds(plan(view(**children)))


def test_a_pod_that_ended_is_deleted_first() -> None:
    decided = plan(view(claim=claim(), pod=pod(phase="Failed", reason="Evicted")))
    assert [manifest["kind"] for manifest in decided.delete] == ["Pod"]


def test_no_pod_is_made_on_a_volume_that_is_lost() -> None:
    assert plan(view(claim=claim("Lost"))).is_empty


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (view(space=None), SessionReason.SPACE_NOT_FOUND),
        (view(session(space="other")), SessionReason.SPACE_MISMATCH),
        (view(session(agent="nobody")), SessionReason.AGENT_NOT_FOUND),
        (view(space=space({})), SessionReason.SPACE_NOT_BUILT),
        (
            view(session(agent="echo"), space=space({"image": IMAGE, "imageAgents": ["other"]})),
            SessionReason.SPACE_NOT_BUILT,
        ),
    ],
)
def test_nothing_is_made_where_something_is_in_the_way(
    seen: SessionSnapshot, reason: SessionReason
) -> None:
    decided = plan(seen)
    assert decided.is_empty
    assert decided.blocker is not None
    assert decided.blocker.reason is reason


def test_why_a_space_has_no_image_is_handed_on() -> None:
    built = {"type": "Built", "reason": "HandlerNotFound", "message": "no 'main.py'"}
    decided = plan(view(space=space({"conditions": [built]})))
    assert decided.blocker is not None
    assert "HandlerNotFound: no 'main.py'" in decided.blocker.message


def test_a_session_of_an_agent_that_is_in_the_image_starts_while_another_build_fails() -> None:
    built = {"type": "Built", "status": "False", "reason": "RefNotFound", "message": "no 'x'"}
    status = {"image": IMAGE, "imageAgents": ["echo"], "conditions": [built]}
    agents = [{"name": name, "repo": "owner/agents"} for name in ("echo", "fresh")]
    there = space(status, agents=agents)
    assert kinds(plan(view(session(agent="echo"), space=there, claim=claim()))) == ["Pod"]
    waiting = plan(view(session(agent="fresh"), space=there))
    assert waiting.blocker is not None
    assert "RefNotFound: no 'x'" in waiting.blocker.message


@pytest.mark.parametrize(
    ("restarts", "delay"), [(0, 0), (1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 300), (99, 300)]
)
def test_the_next_pod_comes_later_each_time(restarts: int, delay: float) -> None:
    status = {"startTime": NOON_TEXT, "restarts": restarts}
    assert replacement_delay(view(failed(status)), NOON) == delay
    assert replacement_delay(view(session(status)), NOON) == 0


def test_a_pod_that_worked_for_long_is_replaced_at_once() -> None:
    seen = view(failed({"startTime": NOON_TEXT, "restarts": 5}))
    assert replacement_delay(seen, NOON + timedelta(hours=1)) == 0


def test_a_first_pod_never_waits() -> None:
    assert replacement_delay(view(session({"restarts": 9})), NOON) == 0


def test_a_replacement_that_must_wait_says_when_it_is_looked_at_again() -> None:
    decided = plan(view(failed({"startTime": NOON_TEXT, "restarts": 3}), claim=claim()), seconds=1)
    assert decided.retry_after == 3
    assert decided.blocker == (SessionReason.EVICTED, "full")


def test_too_many_failures_are_called_a_crash_loop() -> None:
    decided = plan(view(failed({"startTime": NOON_TEXT, "restarts": 9}), claim=claim()))
    assert decided.blocker is not None
    assert decided.blocker.reason is SessionReason.CRASH_LOOP


def test_a_pod_carries_its_number_and_why_it_was_made() -> None:
    (made,) = plan(view(failed(STARTED), claim=claim()), seconds=60).create
    assert made["metadata"]["annotations"][RESTARTS_ANNOTATION] == "1"
    assert "Evicted: full" in made["metadata"]["annotations"]["raworc.dev/replaces"]
