"""What the API tells the operator of a session's host, in an annotation of the AgentSession."""

from enum import StrEnum
from typing import NamedTuple, Self


class HostState(StrEnum):
    """Whether a host waits for a message or answers one."""

    IDLE = "idle"
    BUSY = "busy"


class HostReport(NamedTuple):
    """The last word of the host that runs in one pod."""

    pod_uid: str
    state: HostState

    def render(self) -> str:
        """Write the annotation's value."""
        return f"{self.pod_uid}/{self.state}"

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Read the annotation's value; what is missing or not understood is no report."""
        pod_uid, _, state = (text or "").partition("/")
        if not pod_uid or state not in set(HostState):
            return None
        return cls(pod_uid, HostState(state))
