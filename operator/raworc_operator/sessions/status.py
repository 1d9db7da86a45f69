"""What the status of an AgentSession says of what was seen; pure."""

from datetime import datetime

from pydantic import ValidationError

from raworc_crds.agent_session import (
    SessionCondition,
    SessionReason,
    SessionState,
    SessionStatus,
)
from raworc_crds.conditions import Condition, Status
from raworc_crds.host_report import HostReport, HostState
from raworc_kube.objects import Manifest
from raworc_operator.sessions.pod_status import Blocker, agent_image, is_ready, pod_blocker
from raworc_operator.sessions.view import (
    REPLACES_ANNOTATION,
    Presence,
    SessionSnapshot,
    lost_node_blocker,
    restarts,
    start_time,
    state_of,
)
from raworc_operator.status import conditions, observed


def session_status(view: SessionSnapshot, blocker: Blocker | None, now: datetime) -> SessionStatus:
    """Say what a session is at; ``blocker`` is what kept its pod from being made, if anything."""
    blocker = _blocker(view, blocker)
    report = _report(view)
    volume = _volume_condition(view)
    pod = _pod_condition(view, blocker)
    host = _host_condition(report)
    found = [_ready(volume, pod, host), volume, pod, host]
    own = view.own_pod
    return SessionStatus(
        state=state_of(view, blocker, report),
        host=_known_host(view),
        conditions=conditions(view.session, found, now),
        pod_name=own["metadata"]["name"] if own else None,
        volume_claim_name=_claim_name(view),
        image=agent_image(own) if own else None,
        start_time=start_time(view),
        restarts=restarts(view),
        observed_generation=view.session["metadata"].get("generation"),
    )


def invalid_status(session: Manifest, message: str, now: datetime) -> SessionStatus:
    """Say that the spec cannot be understood; what runs is left as it is."""
    former = SessionStatus.model_validate(session.get("status") or {})
    blocker = Blocker(SessionReason.INVALID_SPEC, message)
    found = [
        observed(kind, Status.FALSE, blocker.reason, blocker.message)
        for kind in (SessionCondition.READY, SessionCondition.POD_READY)
    ]
    return former.model_copy(
        update={
            "state": SessionState.ERRORED,
            "conditions": conditions(session, found, now),
            "observed_generation": session["metadata"].get("generation"),
        }
    )


def _blocker(view: SessionSnapshot, blocker: Blocker | None) -> Blocker | None:
    if view.own_pod is None or view.spec.closed:
        # A claim that is missing is made anew, and keeps no pod from being made.
        return (lost_volume(view) if view.claim else None) or blocker
    # A pod that has mounted its volume works on; the volume's own condition says that it is lost.
    return lost_node_blocker(view) or pod_blocker(view.own_pod)


def lost_volume(view: SessionSnapshot) -> Blocker | None:
    """Say that the files of the session are gone, or will be with its pod."""
    match view.claim_presence:
        case Presence.PRESENT if ((view.claim or {}).get("status") or {}).get("phase") == "Lost":
            words = "The volume is gone, and with it the files of the session."
        case Presence.GOING:
            words = "The volume's claim is being deleted; once the pod stops, the files are gone."
        case Presence.ABSENT if view.status.get("volumeClaimName"):
            words = "The volume's claim was deleted, and with it the files of the session."
        case _:
            return None
    return Blocker(SessionReason.VOLUME_LOST, words)


def _volume_condition(view: SessionSnapshot) -> Condition:
    lost = lost_volume(view)
    if lost is not None:
        return observed(SessionCondition.VOLUME_READY, Status.FALSE, lost.reason, lost.message)
    phase = ((view.claim or {}).get("status") or {}).get("phase")
    if view.claim_presence is Presence.PRESENT and phase == "Bound":
        annotations = (view.claim or {})["metadata"].get("annotations") or {}
        replaced = annotations.get(REPLACES_ANNOTATION)
        return observed(
            SessionCondition.VOLUME_READY,
            Status.TRUE,
            SessionReason.VOLUME_BOUND,
            f"The volume is bound. {replaced}" if replaced else "The volume is bound.",
        )
    return observed(
        SessionCondition.VOLUME_READY,
        Status.FALSE,
        SessionReason.VOLUME_PENDING,
        _why_pending(view),
    )


def _why_pending(view: SessionSnapshot) -> str:
    if view.claim_presence is Presence.FOREIGN:
        return (
            f"A claim named '{view.name}' exists that does not belong to this session; "
            "if an earlier session left it, it is being removed."
        )
    if view.claim is None:
        return "The volume has not been claimed yet."
    storage_class = (view.claim.get("spec") or {}).get("storageClassName") or "the default"
    return f"The claim is waiting for a volume of storage class '{storage_class}'."


def _pod_condition(view: SessionSnapshot, blocker: Blocker | None) -> Condition:
    reason, message = _pod_reason(view, blocker)
    ready = reason is SessionReason.POD_RUNNING
    status = Status.TRUE if ready else Status.FALSE
    return observed(SessionCondition.POD_READY, status, reason, message)


def _pod_reason(view: SessionSnapshot, blocker: Blocker | None) -> Blocker:
    pod = view.own_pod
    if view.spec.closed and pod is None:
        return Blocker(SessionReason.CLOSED, "The session is closed.")
    if view.spec.closed:
        return Blocker(SessionReason.CLOSING, "The pod is stopping.")
    if blocker is not None:
        return blocker
    if pod is not None and is_ready(pod):
        return Blocker(SessionReason.POD_RUNNING, "The pod is ready.")
    return Blocker(SessionReason.POD_PENDING, _why_not_running(view))


def _why_not_running(view: SessionSnapshot) -> str:
    match view.pod_presence:
        case Presence.ABSENT:
            return "The pod has not been created yet."
        case Presence.FOREIGN:
            return f"A pod named '{view.name}' exists that does not belong to this session."
        case Presence.GOING:
            return "The previous pod is stopping; a new one will be created."
        case _:
            annotations = (view.pod or {})["metadata"].get("annotations") or {}
            replaced = annotations.get(REPLACES_ANNOTATION)
            return f"The pod is starting. {replaced}" if replaced else "The pod is starting."


def _host_condition(report: HostState | None) -> Condition:
    if report is HostState.SILENT:
        return observed(
            SessionCondition.HOST_READY,
            Status.FALSE,
            SessionReason.HOST_SILENT,
            "The host does not answer: the API server has not heard of it for minutes. "
            "Closing and restoring the session starts another pod.",
        )
    if report is not None:
        return observed(
            SessionCondition.HOST_READY,
            Status.TRUE,
            SessionReason.HOST_REPORTED,
            "The host is taking messages.",
        )
    return observed(
        SessionCondition.HOST_READY,
        Status.UNKNOWN,
        SessionReason.NOT_REPORTED,
        "The API server has not reported this pod's host.",
    )


def _known_host(view: SessionSnapshot) -> HostReport | None:
    """Return what the API server wrote into the status, if it is understood."""
    try:
        return HostReport.model_validate(view.status.get("host"))
    except ValidationError:
        return None


def _report(view: SessionSnapshot) -> HostState | None:
    host = _known_host(view)
    if host is None or view.own_pod is None or host.state not in set(HostState):
        return None
    return HostState(host.state) if host.pod_uid == view.own_pod["metadata"]["uid"] else None


def _ready(volume: Condition, pod: Condition, host: Condition) -> Condition:
    # A pod says best what hinders it; only while it merely starts may the volume be to blame.
    blamed = host if pod.status is Status.TRUE and host.status is Status.FALSE else pod
    if pod.reason == SessionReason.POD_PENDING and volume.status is not Status.TRUE:
        blamed = volume
    if blamed is pod and pod.status is Status.TRUE:
        blamed = pod.model_copy(update={"reason": SessionReason.READY})
    return blamed.model_copy(update={"type": SessionCondition.READY})


def _claim_name(view: SessionSnapshot) -> str | None:
    if view.claim is None:
        # Once there was a claim, one that is missing was deleted by somebody.
        former: str | None = view.status.get("volumeClaimName")
        return former
    own = view.claim is not None and view.claim_presence is not Presence.FOREIGN
    return str((view.claim or {})["metadata"]["name"]) if own else None
