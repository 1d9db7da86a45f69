"""The AgentSession: one conversation, with its pod and its volume."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from raworc_crds.conditions import Condition
from raworc_crds.host_report import HostReport
from raworc_crds.space import MAX_NAME as MAX_SPACE_NAME
from raworc_crds.space import AgentName
from raworc_crds.wire import Amount, Observed, Resources, Seconds, StringMap, Time, Wire

KIND = "AgentSession"
PLURAL = "agentsessions"
MAX_NAME = 63
MAX_IMAGE = 512


class SessionState(StrEnum):
    """What a session is at, in one word."""

    INIT = "init"
    IDLE = "idle"
    BUSY = "busy"
    CLOSED = "closed"
    ERRORED = "errored"


class SessionCondition(StrEnum):
    """The conditions of an AgentSession."""

    READY = "Ready"
    VOLUME_READY = "VolumeReady"
    POD_READY = "PodReady"
    HOST_READY = "HostReady"


class SessionReason(StrEnum):
    """Why a condition of an AgentSession is as it is."""

    READY = "Ready"
    CLOSED = "Closed"
    CLOSING = "Closing"
    INVALID_SPEC = "InvalidSpec"
    SPACE_NOT_FOUND = "SpaceNotFound"
    SPACE_MISMATCH = "SpaceMismatch"
    SPACE_NOT_BUILT = "SpaceNotBuilt"
    AGENT_NOT_FOUND = "AgentNotFound"
    QUOTA_EXCEEDED = "QuotaExceeded"
    VOLUME_BOUND = "VolumeBound"
    VOLUME_PENDING = "VolumePending"
    VOLUME_LOST = "VolumeLost"
    POD_PENDING = "PodPending"
    POD_RUNNING = "PodRunning"
    POD_REFUSED = "PodRefused"
    UNSCHEDULABLE = "Unschedulable"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    CRASH_LOOP = "CrashLoop"
    EVICTED = "Evicted"
    POD_FAILED = "PodFailed"
    POD_OUTDATED = "PodOutdated"
    NODE_LOST = "NodeLost"
    HOST_REPORTED = "HostReported"
    HOST_SILENT = "HostSilent"
    NOT_REPORTED = "NotReported"


class SessionSpec(Wire):
    """What the user asks for."""

    space: Annotated[
        str,
        StringConstraints(min_length=1, max_length=MAX_SPACE_NAME),
        Field(
            json_schema_extra={
                "x-kubernetes-validations": [
                    {"rule": "self == oldSelf", "message": "`space` must not be changed"}
                ]
            }
        ),
    ] = Field(description="The Space that owns the namespace of the session; it cannot be changed.")
    closed: bool = Field(
        default=False,
        description="The wish: closed (no pod, the volume is kept) or running.",
    )
    agent: AgentName | None = Field(
        None, description="The agent that answers messages which name none."
    )
    resources: Resources | None = Field(None, description="Resources, over those of the Space.")
    storage_size: Amount | None = Field(
        None, description="Size of the volume, over that of the Space; for a new volume only."
    )
    busy_timeout_seconds: Seconds | None = Field(
        None, description="How long an agent may take for one answer, over that of the Space."
    )
    metadata: StringMap | None = Field(None, description="Free notes, for people and agents.")
    owner: Annotated[str, StringConstraints(max_length=253)] | None = Field(
        None,
        description="The account that owns the session in the API; with kubectl, any may be named.",
    )


class SessionStatus(Observed):
    """What the operator saw of a session."""

    state: SessionState | None = Field(None, description="State of the session.")
    host: HostReport | None = Field(
        None, description="Last report of the pod's host; the API server writes it."
    )
    conditions: Annotated[list[Condition], Field(max_length=8)] = Field(
        default_factory=list,
        description="Ready, VolumeReady, PodReady and HostReady.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )
    pod_name: Annotated[str, StringConstraints(max_length=253)] | None = Field(
        None, description="The pod of the session, while there is one."
    )
    volume_claim_name: Annotated[str, StringConstraints(max_length=253)] | None = Field(
        None, description="The claim of the session's volume."
    )
    image: Annotated[str, StringConstraints(max_length=MAX_IMAGE)] | None = Field(
        None, description="The image that the pod runs, by digest."
    )
    start_time: Time | None = Field(None, description="When the pod was created.")
    restarts: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        None,
        description="How often the pod failed, or was restarted, since the session was opened.",
    )
    observed_generation: Annotated[int, Field(ge=0)] | None = Field(
        None, description="The generation of the spec that this status describes."
    )
