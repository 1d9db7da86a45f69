"""What to write so that a session becomes what its spec asks for; pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from raworc_kube.objects import Manifest, is_going
from raworc_operator.sessions.trouble import Blocker
from raworc_operator.sessions.view import (
    Presence,
    SessionSnapshot,
    replacement_delay,
    restart_blocker,
    start_blocker,
)

Builder = Callable[[SessionSnapshot], Manifest]


@dataclass(frozen=True, slots=True)
class Builders:
    """What makes the children of a session."""

    pod: Builder
    claim: Builder
    namespace_prefix: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The writes of one pass, in order, and what keeps the session from going on, if anything."""

    create: tuple[Manifest, ...] = ()
    delete: tuple[Manifest, ...] = ()
    blocker: Blocker | None = None
    retry_after: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self.create and not self.delete


def plan_session(view: SessionSnapshot, builders: Builders, now: datetime) -> Plan:
    """Decide what to make and what to delete."""
    if is_going(view.session):
        return Plan()
    if view.spec.closed:
        return Plan(delete=_pods(view, Presence.PRESENT, Presence.ENDED))
    match view.pod_presence:
        case Presence.PRESENT | Presence.GOING:
            return Plan()
        case Presence.ENDED:
            return Plan(delete=_pods(view, Presence.ENDED))
        case _:
            return _start(view, builders, now)


def _pods(view: SessionSnapshot, *presences: Presence) -> tuple[Manifest, ...]:
    return (view.pod,) if view.pod is not None and view.pod_presence in presences else ()


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
    # The pod is not held back until the volume is there: the scheduler waits for it, and some
    # volumes are made only once a pod wants them.
    return Plan(create=(*claims, builders.pod(view)))


def _may_be_mounted(view: SessionSnapshot) -> bool:
    phase = ((view.claim or {}).get("status") or {}).get("phase")
    return view.claim_presence is Presence.PRESENT and phase != "Lost"
