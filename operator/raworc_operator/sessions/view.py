"""The state of a session's pod and volume, read from the cluster's objects; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from raworc_crds.agent_session import SessionReason, SessionSpec, SessionState
from raworc_crds.host_report import HostState
from raworc_crds.names import space_namespace
from raworc_crds.space import BuildState
from raworc_kube.objects import (
    Manifest,
    condition,
    is_going,
    is_owned_by,
    parse_time,
)
from raworc_operator.builds.decision import good_image
from raworc_operator.sessions.pod_status import Blocker, containers_of, is_ready

# How often the pods of the session before this one failed; written when a pod is made.
RESTARTS_ANNOTATION = "raworc.dev/restarts"
# Why this pod, or this claim, was made in place of another.
REPLACES_ANNOTATION = "raworc.dev/replaces"

MAX_QUICK_RESTARTS = 6
_MAX_RESTARTS = 999_999
_LONGEST_DELAY_SECONDS, _CAPPED_DELAY_SECONDS = 60, 300


class Presence(StrEnum):
    """Whether a child of the session exists and is of use."""

    ABSENT = "absent"
    FOREIGN = "foreign"
    GOING = "going"
    ENDED = "ended"
    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class SessionSnapshot:
    """Everything that a session's reconcile decides on."""

    session: Manifest
    spec: SessionSpec
    space: Manifest | None
    claim: Manifest | None
    pod: Manifest | None
    # The pod is bound to a node that is gone or out of service: it surely runs no more.
    node_is_lost: bool = False

    @property
    def name(self) -> str:
        """The name of the session."""
        return str(self.session["metadata"]["name"])

    @property
    def made_at(self) -> str:
        """The time at which the session was made, as Kubernetes writes it."""
        return str(self.session["metadata"].get("creationTimestamp", ""))

    @property
    def status(self) -> Mapping[str, Any]:
        """The status as it was written last."""
        return self.session.get("status") or {}

    @property
    def image(self) -> str | None:
        """The image that a new pod of the session would run."""
        return good_image(self.space or {})

    @property
    def pod_presence(self) -> Presence:
        """Whether the pod exists and is of use."""
        presence = _presence(self.session, self.pod)
        ended = ((self.pod or {}).get("status") or {}).get("phase") in {"Failed", "Succeeded"}
        return Presence.ENDED if presence is Presence.PRESENT and ended else presence

    @property
    def claim_presence(self) -> Presence:
        """Whether the volume's claim exists and is of use."""
        return _presence(self.session, self.claim)

    @property
    def own_pod(self) -> Manifest | None:
        """The pod, unless it is that of an earlier session of this name."""
        return None if self.pod_presence is Presence.FOREIGN else self.pod


def _presence(session: Manifest, child: Manifest | None) -> Presence:
    if child is None:
        return Presence.ABSENT
    if not is_owned_by(child, session):
        return Presence.FOREIGN
    return Presence.GOING if is_going(child) else Presence.PRESENT


def _status_of(manifest: Manifest | None) -> Mapping[str, Any]:
    return (manifest or {}).get("status") or {}


def start_blocker(view: SessionSnapshot, namespace_prefix: str) -> Blocker | None:
    """Say what keeps the session from being started at all."""
    wanted = view.spec.space
    namespace = view.session["metadata"]["namespace"]
    if namespace != space_namespace(wanted, namespace_prefix):
        return Blocker(
            SessionReason.SPACE_MISMATCH,
            f"Sessions of Space '{wanted}' must be in namespace"
            f" '{space_namespace(wanted, namespace_prefix)}', but this one is in '{namespace}'.",
        )
    if view.space is None or is_going(view.space):
        return Blocker(SessionReason.SPACE_NOT_FOUND, f"Space '{wanted}' does not exist.")
    return _unknown_agent(view) or _missing_image(view) or _unbuilt_agent(view)


def _unknown_agent(view: SessionSnapshot) -> Blocker | None:
    agents = [agent["name"] for agent in ((view.space or {}).get("spec") or {}).get("agents") or []]
    if view.spec.agent is None or view.spec.agent in agents:
        return None
    known = ", ".join(agents) or "none"
    return Blocker(
        SessionReason.AGENT_NOT_FOUND,
        f"Space '{view.spec.space}' has no agent '{view.spec.agent}'; it has: {known}.",
    )


def _missing_image(view: SessionSnapshot) -> Blocker | None:
    if view.image:
        return None
    text = f"Space '{view.spec.space}' has no image yet ({_why_not_built(view)})"
    return Blocker(SessionReason.SPACE_NOT_BUILT, text)


def _unbuilt_agent(view: SessionSnapshot) -> Blocker | None:
    # The image may be the last good one; one of a version before does not say what it contains.
    contained = _status_of(view.space).get("imageAgents")
    if view.spec.agent is None or contained is None or view.spec.agent in contained:
        return None
    text = (
        f"Agent '{view.spec.agent}' is not in the image of Space '{view.spec.space}' yet"
        f" ({_why_not_built(view)})"
    )
    return Blocker(SessionReason.SPACE_NOT_BUILT, text)


def _why_not_built(view: SessionSnapshot) -> str:
    built = condition(view.space or {}, "Built")
    return f"{built['reason']}: {built.get('message', '')}" if built else "it is new"


def waits_for_build(view: SessionSnapshot) -> bool:
    """Say whether the image of the space is still to come by itself."""
    build = _status_of(view.space).get("build") or {}
    return build.get("state") != BuildState.FAILED


def restarts(view: SessionSnapshot) -> int:
    """Say how often the pod was replaced or restarted since the session was last opened."""
    pod = view.own_pod
    if pod is None:
        return 0 if view.status.get("startTime") is None else _count(view.status.get("restarts"))
    annotations = pod["metadata"].get("annotations") or {}
    own = sum(int(container.get("restartCount", 0)) for container in containers_of(pod))
    return min(_count(annotations.get(RESTARTS_ANNOTATION)) + own, _MAX_RESTARTS)


def _count(written: object) -> int:
    # Anybody who may edit a pod may write anything into it.
    text = str(written)
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(_MAX_RESTARTS))
    return int(text) if is_number else 0


def start_time(view: SessionSnapshot) -> str | None:
    """Say when the newest pod was made; a closed session has none."""
    if view.own_pod is not None:
        made: str | None = view.own_pod["metadata"].get("creationTimestamp")
        return made
    return None if view.spec.closed else view.status.get("startTime")


def next_restarts(view: SessionSnapshot) -> int:
    """Say which number the next pod gets: 0 for the first one since the session was opened.

    A pod that was deleted while nothing was wrong with it has not failed, and does not count.
    """
    if view.status.get("startTime") is None:
        return 0
    return min(restarts(view) + (former_blocker(view) is not None), _MAX_RESTARTS)


def replacement_delay(view: SessionSnapshot, now: datetime) -> float:
    """Say in how many seconds the next pod may be made: 0, 1, 2, 4 … 60, and 300 from the cap on.

    The time runs from when the pod before was made: one that worked for long is replaced at once,
    and so is one that did not fail.
    """
    number = next_restarts(view)
    if number <= 1 or former_blocker(view) is None:
        return 0.0
    if number > MAX_QUICK_RESTARTS:
        delay = _CAPPED_DELAY_SECONDS
    else:
        delay = min(2 ** (number - 2), _LONGEST_DELAY_SECONDS)
    began = parse_time(str(view.status["startTime"]))
    return max(0.0, float(delay) - (now - began).total_seconds())


def former_blocker(view: SessionSnapshot) -> Blocker | None:
    """Say what became of the pod before, as the status tells it; None if nothing was wrong."""
    found = view.status.get("conditions") or []
    ready: Mapping[str, Any] = next((item for item in found if item["type"] == "PodReady"), {})
    if ready.get("reason") not in _FAILURES:
        return None
    return Blocker(SessionReason(ready["reason"]), ready.get("message", ""))


def is_refused_by_quota(view: SessionSnapshot) -> bool:
    """Say whether the status tells of a quota that refused the pod."""
    refused = condition(view.session, "PodReady").get("reason") == SessionReason.QUOTA_EXCEEDED
    return refused and view.pod_presence is Presence.ABSENT and not view.spec.closed


def seconds_without_pod(view: SessionSnapshot, now: datetime) -> float:
    """Say for how long the session has had no pod that is ready, as the status tells."""
    ready = condition(view.session, "PodReady")
    if ready.get("status") != "False" or not ready.get("lastTransitionTime"):
        return 0.0
    return (now - parse_time(ready["lastTransitionTime"])).total_seconds()


def lost_node_blocker(view: SessionSnapshot) -> Blocker | None:
    """Say that the pod cannot run, as its node is gone or out of service."""
    if not view.node_is_lost or view.own_pod is None:
        return None
    node = (view.own_pod.get("spec") or {}).get("nodeName", "")
    return Blocker(SessionReason.NODE_LOST, f"Node '{node}' is gone or out of service.")


def restart_blocker(view: SessionSnapshot) -> Blocker:
    """Say why the next pod is not made yet."""
    number = next_restarts(view)
    former = former_blocker(view) or Blocker(SessionReason.POD_FAILED, "The pod ended.")
    if number <= MAX_QUICK_RESTARTS:
        return former
    if former.reason is SessionReason.CRASH_LOOP:
        return former
    words = f"The pod failed {number} times; it is tried again every {_CAPPED_DELAY_SECONDS} s."
    return Blocker(SessionReason.CRASH_LOOP, f"{words} {former.message}")


def state_of(
    view: SessionSnapshot, blocker: Blocker | None, report: HostState | None
) -> SessionState:
    """Say in one word what the session is at, given what is wrong with it."""
    if view.spec.closed:
        former = view.status.get("state") or SessionState.INIT
        return SessionState.CLOSED if view.own_pod is None else SessionState(former)
    if blocker is not None:
        return _state_with(blocker, view)
    if view.own_pod is None or not is_ready(view.own_pod):
        return SessionState.INIT
    if report is HostState.SILENT:
        return SessionState.ERRORED
    return SessionState.BUSY if report is HostState.BUSY else SessionState.IDLE


_FAILURES = {
    SessionReason.EVICTED,
    SessionReason.POD_FAILED,
    SessionReason.NODE_LOST,
    SessionReason.CRASH_LOOP,
}
_ERRORS = {
    SessionReason.INVALID_SPEC,
    SessionReason.SPACE_NOT_FOUND,
    SessionReason.SPACE_MISMATCH,
    SessionReason.AGENT_NOT_FOUND,
    SessionReason.QUOTA_EXCEEDED,
    SessionReason.POD_REFUSED,
    SessionReason.VOLUME_LOST,
    SessionReason.IMAGE_PULL_FAILED,
    SessionReason.CRASH_LOOP,
    SessionReason.NODE_LOST,
}


def _state_with(blocker: Blocker, view: SessionSnapshot) -> SessionState:
    if blocker.reason is SessionReason.SPACE_NOT_BUILT and not waits_for_build(view):
        return SessionState.ERRORED
    return SessionState.ERRORED if blocker.reason in _ERRORS else SessionState.INIT
