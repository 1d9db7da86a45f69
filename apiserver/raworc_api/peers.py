"""The route by which the other replicas pass their hints to this one."""

from fastapi import APIRouter, Depends, Request, status

from raworc_api.core.guard import Demand, GuardedRoute, token
from raworc_api.core.peers import PATH, Hints
from raworc_api.core.security import PEERS_AUDIENCE
from raworc_api.services import services


class _FromPeer(Demand):
    """The caller must be another replica of this server."""

    async def admit(self, request: Request) -> None:
        """Let the caller pass, or refuse."""
        services(request).tokens.verify(await token(request), PEERS_AUDIENCE)


from_peer = _FromPeer()
router = APIRouter(
    include_in_schema=False, dependencies=[Depends(from_peer)], route_class=GuardedRoute
)


@router.post(PATH, status_code=status.HTTP_204_NO_CONTENT)
async def wake(hints: Hints, request: Request) -> None:
    """Wake whoever waits here for what happened in another replica."""
    bus = services(request).bus
    for hint in hints.hints:
        bus.receive(hint)
