"""What goes in and out of a space's agents."""

from datetime import datetime

from pydantic import AliasChoices, Field

from raworc_api.core.bodies import Body, View
from raworc_crds.space import AgentName, Ref, Repository, SourcePath
from raworc_crds.wire import Text


class AgentBody(Body):
    """A new agent of a space; the shorter names of the Space resource are understood too."""

    name: AgentName = Field(description="Name of the agent.")
    description: Text | None = Field(None, description="What the agent is, for people.")
    purpose: Text | None = Field(None, description="What the agent is for; the router reads it.")
    source_repo: Repository = Field(
        validation_alias=AliasChoices("source_repo", "repo"), description="Its Git repository."
    )
    source_branch: Ref | None = Field(
        None,
        validation_alias=AliasChoices("source_branch", "ref"),
        description="Branch, tag or commit; the repository's default branch if not set.",
    )
    source_path: SourcePath | None = Field(
        None,
        validation_alias=AliasChoices("source_path", "path"),
        description="Folder of the agent in the repository; its root if not set.",
    )


class AgentView(View):
    """An agent, and whether the space's image has it."""

    name: str
    space: str
    description: str | None
    purpose: str | None
    source_repo: str
    source_branch: str | None
    source_path: str | None
    status: str
    commit: str | None
    created_at: datetime
    updated_at: datetime
    created_by: str
