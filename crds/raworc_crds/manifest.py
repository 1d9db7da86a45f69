"""The manifest of an agent, ``raworc.json``: what an agent's repository says of itself."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from raworc_crds.wire import Matching

MANIFEST_NAME = "raworc.json"


class AgentManifest(BaseModel):
    """What ``raworc.json`` may say; what it does not say is found out or left at its default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    runtime: (
        Annotated[
            str,
            Matching(
                "^(python(3([.][0-9]{1,2})?)?|node|nodejs|rust)$",
                "`runtime` must be 'python', 'python3', 'python3.<minor>', 'node', 'nodejs' or"
                " 'rust'",
            ),
        ]
        | None
    ) = Field(
        None,
        description=(
            "What runs the agent: 'python', 'python3', 'python3.<minor>', 'node', 'nodejs' or"
            " 'rust'; found by its files if not set."
        ),
    )
    handler: (
        Annotated[
            str,
            StringConstraints(max_length=200),
            Matching(
                "^[A-Za-z0-9_$-]+([./][A-Za-z0-9_$-]+)*$",
                "`handler` must be a module and a function, joined by a dot, or the name of a"
                " binary",
            ),
        ]
        | None
    ) = Field(
        None,
        description=(
            "What answers a message: module and function, joined by a dot, or the name of a Rust"
            " binary; the runtime's default if not set."
        ),
    )
    description: Annotated[str, StringConstraints(max_length=1024)] = Field(
        "", description="What the agent is, for people."
    )
    purpose: Annotated[str, StringConstraints(max_length=1024)] = Field(
        "", description="What the agent is for."
    )
    capabilities: Annotated[
        list[Annotated[str, StringConstraints(max_length=128)]], Field(max_length=64)
    ] = Field(default_factory=list, description="What the agent can do, in a few words each.")
    build_command: Annotated[str, StringConstraints(max_length=2048)] | None = Field(
        None, description="A shell command that runs in the agent's folder during the build."
    )
    metadata: Mapping[str, object] = Field(
        default_factory=dict, description="Anything else; Raworc passes it on and reads none of it."
    )
