"""What is shown of builds."""

from datetime import datetime

from raworc_api.core.bodies import View


class BuiltAgentView(View):
    """One agent as it was built."""

    name: str
    commit: str


class BuildErrorView(View):
    """Why a build failed."""

    reason: str
    message: str


class BuildView(View):
    """A build of a space; one that was only asked for has no id yet."""

    space: str
    build_id: str | None
    status: str
    image_tag: str | None
    started_at: datetime | None
    completed_at: datetime | None
    agents_deployed: list[BuiltAgentView]
    error: BuildErrorView | None
