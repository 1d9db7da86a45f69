"""What a session is at, in one word, decided from what its record knows."""

from typing import Any, Protocol

from raworc_api.mirror.conditions import MIRRORED, MirrorReason
from raworc_crds.agent_session import SessionState


class Observed(Protocol):
    """The part of a session's record that decides its state."""

    closed: bool
    cr_state: str | None
    host_state: str | None
    host_silent: bool
    conditions: list[dict[str, Any]]


# What the mirror says of a record that the cluster will never take as it is.
REFUSED = {"type": MIRRORED, "reason": str(MirrorReason.REFUSED)}


def session_state(session: Observed) -> SessionState:
    """Decide the state; ``repository.state_column`` says the same in SQL."""
    is_gone = session.host_state is None or session.cr_state == SessionState.CLOSED
    if session.closed and is_gone:
        return SessionState.CLOSED
    is_refused = any(REFUSED.items() <= condition.items() for condition in session.conditions)
    is_silent = session.host_silent and session.host_state is not None
    if is_refused or is_silent or session.cr_state == SessionState.ERRORED:
        return SessionState.ERRORED
    if session.host_state is not None:
        return SessionState(session.host_state)
    return SessionState.INIT
