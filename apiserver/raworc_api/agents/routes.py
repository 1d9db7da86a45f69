"""Routes of a space's agents."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response, status

from raworc_api.access import permission
from raworc_api.agents.schemas import AgentBody, AgentView
from raworc_api.core.guard import GuardedRoute
from raworc_api.core.permissions import Caller
from raworc_api.core.problems import ConflictProblem, InvalidProblem, NotFoundProblem, documented
from raworc_api.services import Agents

router = APIRouter(
    prefix="/spaces/{space}/agents",
    tags=["agents"],
    route_class=GuardedRoute,
    responses=documented(NotFoundProblem),
)

MayList = Annotated[Caller, Depends(permission("agents", "list"))]
MayCreate = Annotated[Caller, Depends(permission("agents", "create"))]
MayGet = Annotated[Caller, Depends(permission("agents", "get"))]
MayDelete = Annotated[Caller, Depends(permission("agents", "delete"))]


@router.get("", operation_id="list_agents")
def list_agents(caller: MayList, space: str, agents: Agents) -> list[AgentView]:
    """List the agents of a space."""
    return agents.list(caller, space)


@router.post(
    "",
    operation_id="create_agent",
    status_code=status.HTTP_201_CREATED,
    responses=documented(ConflictProblem, InvalidProblem),
)
def create_agent(
    caller: MayCreate, space: str, body: AgentBody, agents: Agents, response: Response
) -> AgentView:
    """Add an agent to a space; it is built at once."""
    agent = agents.create(caller, space, body)
    response.headers["Location"] = f"/api/v0/spaces/{space}/agents/{agent.name}"
    return agent


@router.get("/{name}", operation_id="get_agent")
def get_agent(caller: MayGet, space: str, name: str, agents: Agents) -> AgentView:
    """Show an agent."""
    return agents.get(caller, space, name)


@router.delete("/{name}", operation_id="delete_agent", status_code=status.HTTP_204_NO_CONTENT)
def delete_agent(caller: MayDelete, space: str, name: str, agents: Agents) -> None:
    """Take an agent out of a space; the image without it is built at once."""
    agents.delete(caller, space, name)
