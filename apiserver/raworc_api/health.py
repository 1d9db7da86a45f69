"""Is the server alive, can it work, and which one is it."""

from fastapi import APIRouter, Depends

from raworc_api.core.bodies import View
from raworc_api.core.guard import GuardedRoute, public
from raworc_api.core.problems import UnavailableProblem, documented
from raworc_api.services import Alive, Ready
from raworc_crds import __version__

router = APIRouter(tags=["health"], route_class=GuardedRoute, dependencies=[Depends(public)])


class HealthView(View):
    """A word on how the server is."""

    status: str = "ok"


class VersionView(View):
    """Which version answers."""

    version: str


@router.get("/health", operation_id="read_health", responses=documented(UnavailableProblem))
async def read_health(is_alive: Alive) -> HealthView:
    """Say that the process lives, with all that runs in it."""
    if not is_alive():
        raise UnavailableProblem(
            "The mirror has ended or is stuck; this replica must be restarted."
        )
    return HealthView()


@router.get("/ready", operation_id="read_ready", responses=documented(UnavailableProblem))
async def read_ready(check: Ready) -> HealthView:
    """Say that the database answers."""
    check()
    return HealthView()


@router.get("/version", operation_id="read_version")
async def read_version() -> VersionView:
    """Say which version this is."""
    return VersionView(version=__version__)
