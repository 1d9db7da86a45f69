"""What to write so that a session becomes what its spec asks for; pure."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from raworc_crds.agent_session import SessionReason
from raworc_kube.objects import Manifest, is_going
from raworc_operator.sessions.pod_status import Blocker, host_environment, pod_blocker
from raworc_operator.sessions.view import (
    Presence,
    SessionSnapshot,
    replacement_delay,
    restart_blocker,
    start_blocker,
)

# Says from which spec a pod was made; the API server adds to the spec itself.
TEMPLATE_ANNOTATION = "raworc.dev/template"
_MARK_LENGTH = 16
# What a pod made differently may be free of.
_MENDABLE = {
    SessionReason.IMAGE_PULL_FAILED,
    SessionReason.UNSCHEDULABLE,
    SessionReason.CRASH_LOOP,
    SessionReason.POD_FAILED,
    SessionReason.POD_OUTDATED,
}

Builder = Callable[[SessionSnapshot], Manifest]


@dataclass(frozen=True, slots=True)
class Builders:
    """What makes the children of a session."""

    pod: Builder
    claim: Builder
    namespace_prefix: str
    # Where the hosts of sessions reach the API.
    api_url: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The writes of one pass, in order, and what keeps the session from going on, if anything."""

    create: tuple[Manifest, ...] = ()
    delete: tuple[Manifest, ...] = ()
    blocker: Blocker | None = None
    retry_after: float | None = None
    # Delete without waiting for the kubelet, which will not answer.
    force: bool = False
    # Why a pod is replaced that is ready.
    why: Blocker | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self.create and not self.delete


def plan_session(view: SessionSnapshot, builders: Builders, now: datetime) -> Plan:
    """Decide what to make and what to delete."""
    if is_going(view.session):
        return Plan()
    if view.node_is_lost and view.own_pod is not None:
        return Plan(delete=(view.own_pod,), force=True)
    if view.spec.closed:
        return Plan(delete=_pods(view, Presence.PRESENT, Presence.ENDED))
    return _keep_running(view, builders, now)


def _keep_running(view: SessionSnapshot, builders: Builders, now: datetime) -> Plan:
    match view.pod_presence:
        case Presence.PRESENT if _is_mended(view, builders):
            return Plan(delete=_pods(view, Presence.PRESENT))
        case Presence.PRESENT if _is_cut_off(view, builders):
            why = Blocker(SessionReason.POD_OUTDATED, "Hosts reach the API at another address now.")
            return Plan(delete=_pods(view, Presence.PRESENT), why=why)
        case Presence.PRESENT | Presence.GOING:
            return Plan()
        case Presence.ENDED:
            return Plan(delete=_pods(view, Presence.ENDED))
        case _:
            return _start(view, builders, now)


def _pods(view: SessionSnapshot, *presences: Presence) -> tuple[Manifest, ...]:
    return (view.pod,) if view.pod is not None and view.pod_presence in presences else ()


def _is_mended(view: SessionSnapshot, builders: Builders) -> bool:
    """Say whether a pod that cannot run would be made differently now.

    A pod that runs is left alone, however old what it was made from: it may be in the middle of an
    answer, and the next one is made anew anyway.
    """
    pod = view.own_pod
    blocker = pod_blocker(pod) if pod is not None else None
    if pod is None or blocker is None or blocker.reason not in _MENDABLE:
        return False
    if start_blocker(view, builders.namespace_prefix) is not None:
        return False
    return template_of(pod) != template_of(builders.pod(view))


def _is_cut_off(view: SessionSnapshot, builders: Builders) -> bool:
    """Say whether a pod's host asks for messages where the API does not answer it any more.

    What it is in the middle of is delivered again: it could not have posted the answer.
    """
    asked = host_environment(view.own_pod or {}).get("RAWORC_API_URL", builders.api_url)
    may_start = start_blocker(view, builders.namespace_prefix) is None
    return asked != builders.api_url and may_start


def template_of(pod: Manifest) -> str | None:
    """Return the mark of what a pod was made from."""
    found: str | None = (pod["metadata"].get("annotations") or {}).get(TEMPLATE_ANNOTATION)
    return found


def with_template(pod: Manifest) -> Manifest:
    """Mark a pod with what it is made from."""
    text = json.dumps(pod["spec"], sort_keys=True)
    mark = sha256(text.encode()).hexdigest()[:_MARK_LENGTH]
    metadata = pod["metadata"]
    annotations = {**metadata.get("annotations", {}), TEMPLATE_ANNOTATION: mark}
    return {**pod, "metadata": {**metadata, "annotations": annotations}}


def _start(view: SessionSnapshot, builders: Builders, now: datetime) -> Plan:
    blocker = start_blocker(view, builders.namespace_prefix)
    if blocker is not None:
        return Plan(blocker=blocker)
    claims = (builders.claim(view),) if view.claim_presence is Presence.ABSENT else ()
    if not claims and not _may_be_mounted(view):
        return Plan()
    if view.pod_presence is Presence.FOREIGN:
        return Plan(create=claims)
    delay = replacement_delay(view, now)
    if delay > 0:
        return Plan(create=claims, blocker=restart_blocker(view), retry_after=delay)
    # The pod does not wait for the volume: the scheduler waits for it, and some
    # volumes are made only once a pod wants them.
    return Plan(create=(*claims, builders.pod(view)))


def _may_be_mounted(view: SessionSnapshot) -> bool:
    phase = ((view.claim or {}).get("status") or {}).get("phase")
    return view.claim_presence is Presence.PRESENT and phase != "Lost"
