from dataclasses import dataclass, field
from typing import Any

import pytest

from raworc_api.sessions.state import session_state


@dataclass
class Seen:
    closed: bool = False
    cr_state: str | None = None
    host_state: str | None = None
    host_silent: bool = False
    conditions: list[dict[str, Any]] = field(default_factory=list)


MIRRORED = {"type": "Mirrored", "status": "False", "message": "no"}


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (Seen(), "init"),
        (Seen(cr_state="init"), "init"),
        (Seen(cr_state="idle"), "init"),
        (Seen(cr_state="init", host_state="idle"), "idle"),
        (Seen(cr_state="idle", host_state="busy"), "busy"),
        (Seen(cr_state="idle", host_state="idle", host_silent=True), "errored"),
        (Seen(cr_state="init", host_silent=True), "init"),
        (Seen(closed=True, cr_state="closed", host_state="idle", host_silent=True), "closed"),
        (Seen(cr_state="errored"), "errored"),
        (Seen(cr_state="errored", host_state="busy"), "errored"),
        (Seen(closed=True), "closed"),
        (Seen(closed=True, cr_state="idle", host_state="busy"), "busy"),
        (Seen(closed=True, cr_state="closed", host_state="busy"), "closed"),
        (Seen(closed=True, cr_state="errored"), "closed"),
        (Seen(closed=False, cr_state="closed"), "init"),
        (Seen(conditions=[{**MIRRORED, "reason": "Refused"}]), "errored"),
        (Seen(conditions=[{**MIRRORED, "reason": "NotApplied"}]), "init"),
        (Seen(conditions=[{**MIRRORED, "type": "Ready", "reason": "Refused"}]), "init"),
    ],
)
def test_the_state_of_a_session(seen: Seen, state: str) -> None:
    assert session_state(seen) == state
