"""The agents of a space: a view on the list in its spec."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from raworc_api.agents.schemas import AgentBody, AgentView
from raworc_api.core.permissions import Caller
from raworc_api.core.problems import ConflictProblem, NotFoundProblem
from raworc_api.spaces.service import SpaceService, parsed, space_spec
from raworc_api.spaces.tables import SpaceRecord
from raworc_crds.space import AgentSource, BuildState, SpaceSpec

CONFIGURED = "configured"
# How an agent stands, by how the build that has it stands.
_STANDINGS = {
    BuildState.PENDING: "building",
    BuildState.BUILDING: "building",
    BuildState.COMPLETED: "built",
    BuildState.FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class AgentService:
    """What callers may do with the agents of a space."""

    spaces: SpaceService

    def list(self, caller: Caller, space: str) -> list[AgentView]:
        """List the agents of a space; there are at most 32, so they need no pages."""
        found = self.spaces.get(caller, space, ("agents", "list"))
        return [_agent_view(found, agent) for agent in _agents(found)]

    def get(self, caller: Caller, space: str, name: str) -> AgentView:
        """Show one agent."""
        found = self.spaces.get(caller, space, ("agents", "get", name))
        return _agent_view(found, _named(_agents(found), space, name))

    def create(self, caller: Caller, space: str, body: AgentBody) -> AgentView:
        """Add an agent to a space."""
        source = AgentSource(
            name=body.name,
            description=body.description,
            purpose=body.purpose,
            repo=body.source_repo,
            ref=body.source_branch,
            path=body.source_path,
        )

        def add(spec: SpaceSpec) -> SpaceSpec:
            if any(agent.name == source.name for agent in spec.agents):
                raise ConflictProblem(f"Space '{space}' already has an agent '{source.name}'.")
            return parsed({**dict(spec), "agents": [*spec.agents, source]})

        found = self.spaces.change(caller, space, ("agents", "create"), add, None)
        return _agent_view(found, source)

    def delete(self, caller: Caller, space: str, name: str) -> None:
        """Take an agent out of a space."""

        def remove(spec: SpaceSpec) -> SpaceSpec:
            gone = _named(spec.agents, space, name)
            kept = [agent for agent in spec.agents if agent is not gone]
            return spec.model_copy(update={"agents": kept})

        self.spaces.change(caller, space, ("agents", "delete", name), remove, None)


def _agents(space: SpaceRecord) -> list[AgentSource]:
    return space_spec(space).agents


def _named(agents: list[AgentSource], space: str, name: str) -> AgentSource:
    for agent in agents:
        if agent.name == name:
            return agent
    raise NotFoundProblem(f"Space '{space}' has no agent '{name}'.")


def _agent_view(space: SpaceRecord, agent: AgentSource) -> AgentView:
    build: Mapping[str, Any] = (space.status or {}).get("build") or {}
    commits = {built.get("name"): built.get("commit") for built in build.get("agents") or []}
    commit = commits.get(agent.name)
    return AgentView(
        name=agent.name,
        space=space.name,
        description=agent.description,
        purpose=agent.purpose,
        source_repo=agent.repo,
        source_branch=agent.ref,
        source_path=agent.path,
        status=_STANDINGS.get(build.get("state", ""), CONFIGURED) if commit else CONFIGURED,
        commit=commit,
        created_at=space.created_at,
        updated_at=space.updated_at,
        created_by=space.created_by,
    )
