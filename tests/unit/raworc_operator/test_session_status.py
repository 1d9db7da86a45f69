"""What a session's status says."""

from typing import Any

import pytest
from tests.unit.raworc_operator.samples import (
    NOON,
    NOON_TEXT,
    READY,
    RUNNING,
    claim,
    owned,
    pod,
    session,
    space,
    view,
)

from raworc_crds.agent_session import SessionReason, SessionState
from raworc_crds.conditions import Status
from raworc_crds.wire import dump
from raworc_kube.objects import Manifest
from raworc_operator.sessions.pod_status import Blocker
from raworc_operator.sessions.status import session_status
from raworc_operator.sessions.view import SessionSnapshot, start_blocker
from raworc_operator.status import status_patch

REASON = SessionReason


def summary(
    seen: SessionSnapshot, blocker: Blocker | None = None
) -> tuple[SessionState | None, str]:
    status = session_status(seen, blocker, NOON)
    ready = next(condition for condition in status.conditions if condition.type == "Ready")
    return status.state, ready.reason


def waiting(reason: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    state = {"waiting": {"reason": reason, "message": "why"}}
    return {"containerStatuses": [{"name": "agent", "state": state, **more}]}


def test_a_session_whose_pod_works_is_idle() -> None:
    assert summary(view(claim=claim(), pod=pod(READY, **RUNNING))) == ("idle", REASON.READY)


@pytest.mark.parametrize(
    ("report", "state"),
    [
        ({"podUid": "Pod-uid", "state": "busy"}, SessionState.BUSY),
        ({"podUid": "Pod-uid", "state": "idle"}, SessionState.IDLE),
        ({"podUid": "Pod-uid", "state": "silent"}, SessionState.ERRORED),
        ({"podUid": "Pod-uid", "state": "of-a-later-version"}, SessionState.IDLE),
        ({"podUid": "another-uid", "state": "busy"}, SessionState.IDLE),
        ({"podUid": "another-uid", "state": "silent"}, SessionState.IDLE),
        ({"nonsense": 1}, SessionState.IDLE),
        (None, SessionState.IDLE),
    ],
)
def test_only_the_host_of_this_pod_is_believed(report: object, state: SessionState) -> None:
    seen = view(session({"host": report}), claim=claim(), pod=pod(READY))
    assert session_status(seen, None, NOON).state is state


def test_what_the_api_server_wrote_of_the_host_is_left_as_it_is() -> None:
    report = {"podUid": "another-uid", "state": "busy"}
    seen = view(session({"host": report}), claim=claim(), pod=pod(READY))
    assert "host" not in status_patch(seen.session, session_status(seen, None, NOON))


def test_a_host_that_is_silent_is_told_where_a_person_looks() -> None:
    report = {"podUid": "Pod-uid", "state": "silent"}
    seen = view(session({"host": report}), claim=claim(), pod=pod(READY))
    found = {one.type: one for one in session_status(seen, None, NOON).conditions}
    for name in ("Ready", "HostReady"):
        assert (found[name].status, found[name].reason) == (Status.FALSE, REASON.HOST_SILENT)
    assert "does not answer" in found["Ready"].message
    assert found["PodReady"].status is Status.TRUE


def test_a_pod_in_trouble_is_blamed_before_its_silent_host() -> None:
    report = {"podUid": "Pod-uid", "state": "silent"}
    seen = view(session({"host": report}), claim=claim(), pod=pod(**waiting("CrashLoopBackOff")))
    assert summary(seen) == ("errored", REASON.CRASH_LOOP)


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        (waiting("ImagePullBackOff"), "errored", REASON.IMAGE_PULL_FAILED),
        (waiting("ErrImagePull"), "errored", REASON.IMAGE_PULL_FAILED),
        (waiting("CrashLoopBackOff"), "errored", REASON.CRASH_LOOP),
        (waiting("CreateContainerConfigError"), "init", REASON.POD_FAILED),
        (waiting("ContainerCreating"), "init", REASON.POD_PENDING),
        ({"phase": "Failed", "reason": "Evicted"}, "init", REASON.EVICTED),
        ({"phase": "Failed", "reason": "NodeLost"}, "errored", REASON.NODE_LOST),
        ({"phase": "Failed", "message": "Pod was rejected"}, "init", REASON.POD_FAILED),
    ],
)
def test_a_pod_that_cannot_run_shows_its_reason(
    status: dict[str, Any], state: str, reason: SessionReason
) -> None:
    assert summary(view(claim=claim(), pod=pod(**status))) == (state, reason)


def test_a_pod_that_no_node_takes_says_why() -> None:
    scheduled = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: no memory"}
    status = session_status(view(claim=claim(), pod=pod(scheduled)), None, NOON)
    ready = status.conditions[0]
    assert (ready.reason, ready.message) == (REASON.UNSCHEDULABLE, "0/1 nodes: no memory")


def test_a_node_that_falls_silent_is_named() -> None:
    conditions = (
        {"type": "Ready", "status": "False"},
        {"type": "ContainersReady", "status": "True"},
    )
    status = session_status(view(claim=claim(), pod=pod(*conditions, **RUNNING)), None, NOON)
    assert (status.state, status.conditions[0].reason) == ("errored", REASON.NODE_LOST)
    assert "node-1" in status.conditions[0].message


def test_a_container_that_ran_out_of_memory_says_so() -> None:
    ended = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
    status = waiting("CrashLoopBackOff", lastState=ended, restartCount=4)
    message = session_status(view(claim=claim(), pod=pod(**status)), None, NOON).conditions[0]
    assert "memory" in message.message


@pytest.mark.parametrize(
    ("times", "reason"), [(1, SessionReason.POD_FAILED), (2, SessionReason.CRASH_LOOP)]
)
def test_a_container_that_ends_again_and_again_is_in_a_loop(
    times: int, reason: SessionReason
) -> None:
    state = {"terminated": {"exitCode": 1}}
    container = {"name": "agent", "state": state, "restartCount": times}
    assert summary(view(claim=claim(), pod=pod(containerStatuses=[container])))[1] == reason


def test_a_volume_that_is_waited_for_is_blamed_only_while_the_pod_merely_starts() -> None:
    assert summary(view(claim=claim("Pending"), pod=pod())) == ("init", REASON.VOLUME_PENDING)
    pulling = pod(**waiting("ErrImagePull"))
    assert summary(view(claim=claim("Pending"), pod=pulling))[1] == REASON.IMAGE_PULL_FAILED


def test_a_lost_volume_is_an_error() -> None:
    assert summary(view(claim=claim("Lost"))) == ("errored", REASON.VOLUME_LOST)


@pytest.mark.parametrize("lost", [None, claim("Lost"), owned("PVC", {}, deletionTimestamp="x")])
def test_a_pod_whose_volume_was_deleted_works_on_and_the_volume_says_so(
    lost: Manifest | None,
) -> None:
    claimed = session({"volumeClaimName": "talk"})
    status = session_status(view(claimed, claim=lost, pod=pod(READY, **RUNNING)), None, NOON)
    found = {one.type: (one.status, one.reason) for one in status.conditions}
    assert status.state is SessionState.IDLE
    assert found["PodReady"] == (Status.TRUE, REASON.POD_RUNNING)
    assert found["VolumeReady"] == (Status.FALSE, REASON.VOLUME_LOST)
    assert status.volume_claim_name == "talk"


def test_a_closed_session_tells_of_a_volume_that_was_deleted() -> None:
    closed = session({"volumeClaimName": "talk"}, closed=True)
    status = session_status(view(closed), None, NOON)
    assert (status.state, status.volume_claim_name) == (SessionState.CLOSED, "talk")
    assert status.conditions[1].reason == REASON.VOLUME_LOST


def test_a_refusal_is_told_in_the_words_of_the_cluster() -> None:
    refused = Blocker(REASON.QUOTA_EXCEEDED, "exceeded quota: raworc")
    assert summary(view(claim=claim()), refused) == ("errored", REASON.QUOTA_EXCEEDED)


def test_a_session_waits_while_its_space_builds_and_errs_when_that_failed() -> None:
    for state, expected in (("building", "init"), ("failed", "errored")):
        seen = view(space=space({"build": {"state": state}}))
        assert summary(seen, start_blocker(seen, "raworc-"))[0] == expected


def test_a_closed_session_keeps_its_state_until_its_pod_is_gone() -> None:
    busy = session({"state": "busy"}, closed=True)
    stopping = owned("Pod", {}, deletionTimestamp=NOON_TEXT)
    assert summary(view(busy, claim=claim(), pod=stopping)) == ("busy", REASON.CLOSING)
    assert summary(view(busy, claim=claim())) == ("closed", REASON.CLOSED)


def test_a_closed_session_forgets_its_pod_and_counts_anew() -> None:
    was = {"state": "idle", "startTime": NOON_TEXT, "restarts": 5, "podName": "talk"}
    seen = view(session(was, closed=True), claim=claim())
    status = session_status(seen, None, NOON)
    assert (status.pod_name, status.start_time) == (None, None)
    patch = status_patch(seen.session, status)
    assert patch["podName"] is None
    assert patch["startTime"] is None
    after = view(session({**dump(status)}, closed=True), claim=claim())
    assert session_status(after, None, NOON).restarts == 0


def test_restarts_are_those_of_the_pods_before_and_of_this_ones_container() -> None:
    status: dict[str, Any] = {
        "containerStatuses": [{"name": "agent", "state": {}, "restartCount": 2}]
    }
    assert session_status(view(pod=pod(number=3, **status)), None, NOON).restarts == 5


@pytest.mark.parametrize("ended", [NOON_TEXT, None])
def test_a_pod_that_was_told_to_stop_did_not_fail(ended: str | None) -> None:
    state = {"terminated": {"exitCode": 0, "finishedAt": ended}} if ended else {}
    stopping = owned(
        "Pod",
        {"phase": "Succeeded", "containerStatuses": [{"name": "agent", "state": state}]},
        deletionTimestamp="2026-01-01T12:00:30Z",
        deletionGracePeriodSeconds=30,
    )
    assert summary(view(claim=claim(), pod=stopping)) == ("init", REASON.POD_PENDING)


def test_a_pod_that_failed_before_it_was_deleted_goes_on_saying_so() -> None:
    state = {"terminated": {"exitCode": 3, "finishedAt": "2026-01-01T11:00:00Z"}}
    stopping = owned(
        "Pod",
        {"phase": "Failed", "containerStatuses": [{"name": "agent", "state": state}]},
        deletionTimestamp="2026-01-01T12:00:30Z",
        deletionGracePeriodSeconds=30,
    )
    assert summary(view(claim=claim(), pod=stopping))[1] == REASON.POD_FAILED


def test_a_status_that_did_not_change_is_not_written() -> None:
    seen = view(claim=claim(), pod=pod(READY, **RUNNING))
    first = session_status(seen, None, NOON)
    again = view(session(dump(first)), claim=claim(), pod=pod(READY, **RUNNING))
    assert status_patch(again.session, session_status(again, None, NOON)) == {}


def test_the_host_is_unknown_until_the_api_reports_it() -> None:
    status = session_status(view(claim=claim(), pod=pod(READY)), None, NOON)
    host = next(condition for condition in status.conditions if condition.type == "HostReady")
    assert (host.status, host.reason) == (Status.UNKNOWN, REASON.NOT_REPORTED)
