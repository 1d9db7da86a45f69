"""What the status of an AgentSession says of what was seen; pure."""

from datetime import datetime

from raworc_crds.agent_session import (
    SessionCondition,
    SessionReason,
    SessionState,
    SessionStatus,
)
from raworc_crds.conditions import Condition, Status
from raworc_crds.group import HOST_ANNOTATION
from raworc_crds.host_report import HostReport, HostState
from raworc_operator.lifecycle import (
    REPLACES_ANNOTATION,
    Presence,
    SessionView,
    restarts,
    start_time,
    state_of,
)
from raworc_operator.objects import Manifest
from raworc_operator.pod_trouble import Cause, is_ready, pod_trouble
from raworc_operator.status import conditions, observed


def session_status(view: SessionView, hindrance: Cause | None, now: datetime) -> SessionStatus:
    """Say what a session is at; ``hindrance`` is what kept its pod from being made, if anything."""
    cause = _cause(view, hindrance)
    report = _report(view)
    volume = _volume_condition(view)
    pod = _pod_condition(view, cause)
    found = [_ready(volume, pod), volume, pod, _host_condition(report)]
    own = view.own_pod
    return SessionStatus(
        state=state_of(view, cause, busy=report is HostState.BUSY),
        conditions=conditions(view.session, found, now),
        pod_name=own["metadata"]["name"] if own else None,
        volume_claim_name=_claim_name(view),
        image=own["spec"]["containers"][0]["image"] if own else None,
        start_time=start_time(view),
        restarts=restarts(view),
        observed_generation=view.session["metadata"].get("generation"),
    )


def invalid_status(session: Manifest, message: str, now: datetime) -> SessionStatus:
    """Say that the spec cannot be understood; what runs is left as it is."""
    former = SessionStatus.model_validate(session.get("status") or {})
    cause = Cause(SessionReason.INVALID_SPEC, message)
    found = [
        observed(kind, Status.FALSE, cause.reason, cause.message)
        for kind in (SessionCondition.READY, SessionCondition.POD_READY)
    ]
    return former.model_copy(
        update={
            "state": SessionState.ERRORED,
            "conditions": conditions(session, found, now),
            "observed_generation": session["metadata"].get("generation"),
        }
    )


def _cause(view: SessionView, hindrance: Cause | None) -> Cause | None:
    if view.own_pod is None or view.spec.closed:
        return _lost_volume(view) or hindrance
    return pod_trouble(view.own_pod) or _lost_volume(view)


def _lost_volume(view: SessionView) -> Cause | None:
    phase = ((view.claim or {}).get("status") or {}).get("phase")
    if view.claim_presence is Presence.PRESENT and phase != "Lost":
        return None
    if view.claim_presence is Presence.PRESENT:
        words = "The volume behind the claim is gone, and with it the files of the session."
        return Cause(SessionReason.VOLUME_LOST, words)
    if view.claim_presence is Presence.GOING:
        words = "The claim of the volume is being deleted; it goes once the pod stops."
        return Cause(SessionReason.VOLUME_LOST, words)
    return None


def _volume_condition(view: SessionView) -> Condition:
    lost = _lost_volume(view)
    if lost is not None:
        return observed(SessionCondition.VOLUME_READY, Status.FALSE, lost.reason, lost.message)
    phase = ((view.claim or {}).get("status") or {}).get("phase")
    if view.claim_presence is Presence.PRESENT and phase == "Bound":
        return observed(
            SessionCondition.VOLUME_READY,
            Status.TRUE,
            SessionReason.VOLUME_BOUND,
            "The volume is there.",
        )
    return observed(
        SessionCondition.VOLUME_READY,
        Status.FALSE,
        SessionReason.VOLUME_PENDING,
        _why_pending(view),
    )


def _why_pending(view: SessionView) -> str:
    if view.claim_presence is Presence.FOREIGN:
        return (
            f"A claim named '{view.name}' is there that is not this session's; "
            "if it is an earlier session's, it is being removed."
        )
    if view.claim is None:
        return "The claim of the volume is not made yet."
    storage_class = (view.claim.get("spec") or {}).get("storageClassName") or "the default"
    return f"The claim waits for a volume of storage class '{storage_class}'."


def _pod_condition(view: SessionView, cause: Cause | None) -> Condition:
    reason, message = _pod_reason(view, cause)
    ready = reason is SessionReason.POD_RUNNING
    status = Status.TRUE if ready else Status.FALSE
    return observed(SessionCondition.POD_READY, status, reason, message)


def _pod_reason(view: SessionView, cause: Cause | None) -> Cause:
    pod = view.own_pod
    if view.spec.closed and pod is None:
        return Cause(SessionReason.CLOSED, "The session is closed.")
    if view.spec.closed:
        return Cause(SessionReason.CLOSING, "The pod is stopping.")
    if cause is not None:
        return cause
    if pod is not None and is_ready(pod):
        return Cause(SessionReason.POD_RUNNING, "The pod works.")
    return Cause(SessionReason.POD_PENDING, _why_not_running(view))


def _why_not_running(view: SessionView) -> str:
    match view.pod_presence:
        case Presence.ABSENT:
            return "The pod is not made yet."
        case Presence.FOREIGN:
            return f"A pod named '{view.name}' is there that is not this session's."
        case Presence.GOING:
            return "The former pod is stopping; a new one follows."
        case _:
            annotations = (view.pod or {})["metadata"].get("annotations") or {}
            replaced = annotations.get(REPLACES_ANNOTATION)
            return f"The pod starts. {replaced}" if replaced else "The pod starts."


def _host_condition(report: HostState | None) -> Condition:
    if report is not None:
        return observed(
            SessionCondition.HOST_READY,
            Status.TRUE,
            SessionReason.HOST_REPORTED,
            "The host takes messages.",
        )
    return observed(
        SessionCondition.HOST_READY,
        Status.UNKNOWN,
        SessionReason.NOT_REPORTED,
        "The API server has not reported this pod's host.",
    )


def _report(view: SessionView) -> HostState | None:
    annotations = view.session["metadata"].get("annotations") or {}
    report = HostReport.parse(annotations.get(HOST_ANNOTATION))
    if report is None or view.own_pod is None:
        return None
    return report.state if report.pod_uid == view.own_pod["metadata"]["uid"] else None


def _ready(volume: Condition, pod: Condition) -> Condition:
    # A pod says best what hinders it; only while it merely starts may the volume be to blame.
    blamed = pod
    if pod.reason == SessionReason.POD_PENDING and volume.status is not Status.TRUE:
        blamed = volume
    if pod.status is Status.TRUE:
        blamed = pod.model_copy(update={"reason": SessionReason.READY})
    return blamed.model_copy(update={"type": SessionCondition.READY})


def _claim_name(view: SessionView) -> str | None:
    own = view.claim is not None and view.claim_presence is not Presence.FOREIGN
    return str((view.claim or {})["metadata"]["name"]) if own else None
