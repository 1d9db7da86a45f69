"""The Space: a set of agents, their limits, and the namespace in which their sessions run."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from raworc_crds.conditions import Condition
from raworc_crds.network import Network
from raworc_crds.wire import (
    DNS_LABEL,
    Amount,
    Matching,
    Observed,
    Quantity,
    Resources,
    Seconds,
    StringMap,
    Text,
    Time,
    Wire,
)

KIND = "Space"
PLURAL = "spaces"
MAX_NAME = 40
RESERVED_NAME = "system"

SpaceName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_NAME),
    Matching(
        DNS_LABEL, "a Space's name must be lower-case letters, digits and '-', and not end in '-'"
    ),
]
AgentName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=40),
    Matching(
        DNS_LABEL, "an agent's name must be lower-case letters, digits and '-', and not end in '-'"
    ),
]
Repository = Annotated[
    str,
    StringConstraints(min_length=1, max_length=512),
    Matching(
        "^((https?|git)://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?(/[A-Za-z0-9_~.-]+)+/?"
        "|[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9_.-]+)$",
        "`repo` must be an https, http or git URL without credentials, or 'owner/name'",
    ),
]
Ref = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    Matching(
        "^[A-Za-z0-9][A-Za-z0-9_+#/-]*([.][A-Za-z0-9_+#/-]+)*$",
        "`ref` must be a branch, a tag or a commit: letters, digits and '_+#/-', single dots",
    ),
]
SourcePath = Annotated[
    str,
    StringConstraints(min_length=1, max_length=512),
    Matching(
        "^[.]?[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[.]?[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$",
        "`path` must be a folder inside the repository, without a leading '/', '.' or '..'",
    ),
]


class SpaceCondition(StrEnum):
    """The conditions of a Space."""

    READY = "Ready"
    NAMESPACE_READY = "NamespaceReady"
    BUILT = "Built"
    QUOTA_AVAILABLE = "QuotaAvailable"


class SpaceReason(StrEnum):
    """Why a condition of a Space is as it is."""

    READY = "Ready"
    NAMESPACE_ACTIVE = "NamespaceActive"
    NAMESPACE_TAKEN = "NamespaceTaken"
    NAMESPACE_TERMINATING = "NamespaceTerminating"
    INVALID_SPEC = "InvalidSpec"
    NO_AGENTS = "NoAgents"
    RESOLVING = "Resolving"
    BUILDING = "Building"
    BUILT = "Built"
    REPOSITORY_REFUSED = "RepositoryRefused"
    REPOSITORY_NOT_FOUND = "RepositoryNotFound"
    REPOSITORY_UNREACHABLE = "RepositoryUnreachable"
    REF_NOT_FOUND = "RefNotFound"
    PATH_NOT_FOUND = "PathNotFound"
    INVALID_MANIFEST = "InvalidManifest"
    UNSUPPORTED_RUNTIME = "UnsupportedRuntime"
    HANDLER_NOT_FOUND = "HandlerNotFound"
    BUILD_FAILED = "BuildFailed"
    BUILD_NOT_STARTED = "BuildNotStarted"
    BASE_IMAGE_NOT_FOUND = "BaseImageNotFound"
    REGISTRY_UNREACHABLE = "RegistryUnreachable"
    REGISTRY_REFUSED = "RegistryRefused"
    SOURCES_UNREACHABLE = "SourcesUnreachable"
    NO_QUOTA = "NoQuota"
    WITHIN_QUOTA = "WithinQuota"
    QUOTA_EXCEEDED = "QuotaExceeded"


class BuildState(StrEnum):
    """How far a build got."""

    PENDING = "pending"
    BUILDING = "building"
    COMPLETED = "completed"
    FAILED = "failed"


class AgentSource(Wire):
    """One agent: where its code lies, and what it is for."""

    name: AgentName = Field(
        description="Name of the agent: lower-case letters, digits and '-', at most 40 characters."
    )
    description: Text | None = Field(None, description="What the agent is, for people.")
    purpose: Text | None = Field(None, description="What the agent is for; the router reads it.")
    repo: Repository = Field(
        description="Git repository: an https, http or git URL, or 'owner/name' on GitHub."
    )
    ref: Ref | None = Field(
        None, description="Branch, tag or commit; the repository's default branch if not set."
    )
    path: SourcePath | None = Field(
        None, description="Folder of the agent in the repository; its root if not set."
    )


class Quota(Wire):
    """Limits of a whole space."""

    sessions: Annotated[int, Field(ge=0, le=100_000)] | None = Field(
        None, description="How many sessions there may be, closed ones included."
    )
    cpu: Quantity | None = Field(
        None,
        description="Sum of the processor limits of its pods: a session counts as its limit and 1"
        " for its host, a build as 2.",
    )
    memory: Quantity | None = Field(
        None,
        description="Sum of the memory limits of its pods: a session counts as its limit and 128Mi"
        " for its host, a build as 2Gi.",
    )
    storage: Quantity | None = Field(None, description="Sum of the volumes of its sessions.")


class SpaceSpec(Wire):
    """What a team wants of its space."""

    description: Text | None = Field(None, description="What the space is for, for people.")
    settings: StringMap | None = Field(None, description="Free settings, for people and agents.")
    agents: Annotated[list[AgentSource], Field(max_length=32)] = Field(
        default_factory=list,
        description="The agents that are built into the image of the space.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    )
    resources: Resources | None = Field(None, description="Default resources of its sessions.")
    storage_size: Amount | None = Field(
        None, description="Default size of a session's volume, such as '1Gi'."
    )
    storage_class_name: Annotated[str, StringConstraints(max_length=253)] | None = Field(
        None, description="StorageClass of the volumes; the cluster's default if not set."
    )
    quota: Quota | None = Field(None, description="Limits of the whole space.")
    network: Network | None = Field(
        None, description="What its sessions may reach beside DNS and the API."
    )
    busy_timeout_seconds: Seconds | None = Field(
        None, description="How long an agent may take for one answer, in seconds."
    )
    rebuild: Annotated[str, StringConstraints(max_length=128)] | None = Field(
        None, description="Any text; changing it resolves the refs again and builds what is new."
    )

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        # The CRD says the same by the list's map key.
        names = [agent.name for agent in self.agents]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"`agents`: '{name}' is given twice; names must be unique")
        return self


class BuiltAgent(Observed):
    """One agent as it was built."""

    name: AgentName = Field(description="Name of the agent.")
    commit: Annotated[str, StringConstraints(max_length=64)] = Field(
        description="The commit that `ref` named when it was resolved."
    )


class Build(Observed):
    """The newest build of a space."""

    id: Annotated[str, StringConstraints(max_length=63)] = Field(
        description="Name of the build, and tag of its image."
    )
    key: Annotated[str, StringConstraints(max_length=64)] = Field(
        description="Hash of all that goes into the image; equal keys are built once."
    )
    state: BuildState = Field(description="State of the build.")
    start_time: Time | None = Field(None, description="When the build was asked for.")
    completion_time: Time | None = Field(None, description="When the build ended.")
    agents: Annotated[list[BuiltAgent], Field(max_length=32)] = Field(
        default_factory=list,
        description="The commits that are built.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    )
    agents_hash: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        None, description="Hash of the `spec.agents` that this build answers."
    )
    rebuild: Annotated[str, StringConstraints(max_length=128)] | None = Field(
        None, description="The value of `spec.rebuild` that this build answers."
    )
    reason: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        None, description="Why the build failed, in one word."
    )
    message: Annotated[str, StringConstraints(max_length=2048)] | None = Field(
        None, description="Why the build failed, in a sentence."
    )
    operator_version: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        None,
        description="The version of the operator that decided on it; another looks at it anew.",
    )


class SpaceStatus(Observed):
    """What the operator saw of a space."""

    conditions: Annotated[list[Condition], Field(max_length=8)] = Field(
        default_factory=list,
        description="Ready, NamespaceReady, Built and QuotaAvailable.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )
    namespace: Annotated[str, StringConstraints(max_length=63)] | None = Field(
        None, description="The namespace that the space owns."
    )
    image: Annotated[str, StringConstraints(max_length=512)] | None = Field(
        None, description="The image of new sessions, by digest; the last good one."
    )
    image_agents: (
        Annotated[
            list[AgentName],
            Field(max_length=32, json_schema_extra={"x-kubernetes-list-type": "set"}),
        ]
        | None
    ) = Field(None, description="The agents that `image` contains.")
    build: Build | None = Field(None, description="The newest build.")
    sessions: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        None, description="How many sessions there are."
    )
    running_sessions: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        None, description="How many sessions have a pod."
    )
    observed_generation: Annotated[int, Field(ge=0)] | None = Field(
        None, description="The generation of the spec that this status describes."
    )
