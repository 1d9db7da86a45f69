"""What the API server knows of a session's host: the part of the status that it writes."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from raworc_crds.wire import Observed


class HostState(StrEnum):
    """Whether a host waits for a message, answers one, or has not spoken for too long."""

    IDLE = "idle"
    BUSY = "busy"
    SILENT = "silent"


class HostReport(Observed):
    """The last word of the host that runs in one pod."""

    pod_uid: Annotated[str, StringConstraints(max_length=64)] = Field(
        description="The uid of the host's pod."
    )
    # No enumeration: a newer API server may know more states than the installed definition.
    state: Annotated[str, StringConstraints(max_length=16)] = Field(
        description="What the host is at: idle, busy, or silent when it has not spoken for long."
    )
