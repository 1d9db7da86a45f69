"""Asking for builds, and looking at them."""

from dataclasses import dataclass
from uuid import uuid4

from raworc_api.builds import repository
from raworc_api.builds.schemas import BuildErrorView, BuildView, BuiltAgentView
from raworc_api.builds.tables import BuildRecord
from raworc_api.cluster import Cluster
from raworc_api.core.database import Database
from raworc_api.core.pages import Page, PageQuery, cut, read_cursor, write_cursor
from raworc_api.core.permissions import Caller
from raworc_api.core.problems import NotFoundProblem, UnavailableProblem
from raworc_api.spaces.service import SpaceService
from raworc_crds.names import build_job_name, space_namespace
from raworc_crds.space import BuildState, SpaceSpec
from raworc_kube.errors import ClusterError, ObjectNotFoundError


@dataclass(frozen=True, slots=True)
class BuildService:
    """What callers may do with the builds of a space."""

    database: Database
    spaces: SpaceService
    cluster: Cluster
    namespace_prefix: str

    def request(self, caller: Caller, space: str) -> BuildView:
        """Ask for a new resolution of the refs, and a build of what is new."""
        mark = str(uuid4())

        def rebuild(spec: SpaceSpec) -> SpaceSpec:
            return spec.model_copy(update={"rebuild": mark})

        self.spaces.change(caller, space, ("space-builds", "create"), rebuild, None)
        return _asked_build(space)

    def list(self, caller: Caller, space: str, asked: PageQuery) -> Page[BuildView]:
        """List the builds of a space, newest first."""
        self.spaces.get(caller, space, ("space-builds", "list"))
        with self.database() as db:
            after = read_cursor(asked.after)
            rows = repository.list_builds(db, space, after, asked.limit + 1)
        page, last = cut(rows, asked.limit)
        following = write_cursor(last.started_at, last.build_id) if last else None
        return Page([_build_view(row) for row in page], following)

    def latest(self, caller: Caller, space: str) -> BuildView:
        """Show the newest build of a space."""
        self.spaces.get(caller, space, ("space-builds", "get"))
        with self.database() as db:
            rows = repository.list_builds(db, space, None, 1)
        if not rows:
            raise NotFoundProblem(f"Space '{space}' has not been built yet.")
        return _build_view(rows[0])

    def get(self, caller: Caller, space: str, build_id: str) -> BuildView:
        """Show one build."""
        self.spaces.get(caller, space, ("space-builds", "get", build_id))
        with self.database() as db:
            build = repository.find_build(db, space, build_id)
        if build is None:
            raise NotFoundProblem(f"Space '{space}' has no build '{build_id}'.")
        return _build_view(build)

    def logs(self, space: str, build_id: str) -> str:
        """Return what a build wrote, as long as the cluster keeps it."""
        namespace = space_namespace(space, self.namespace_prefix)
        try:
            return self.cluster.build_logs(namespace, build_job_name(build_id))
        except ObjectNotFoundError:
            raise NotFoundProblem(f"The logs of build '{build_id}' are not kept.") from None
        except ClusterError as error:
            raise UnavailableProblem("The cluster did not return the logs.") from error


def _asked_build(space: str) -> BuildView:
    return BuildView(
        space=space,
        build_id=None,
        status=BuildState.PENDING,
        image_tag=None,
        started_at=None,
        completed_at=None,
        agents_deployed=[],
        error=None,
    )


def _build_view(build: BuildRecord) -> BuildView:
    error = None if build.error is None else BuildErrorView.model_validate(build.error)
    return BuildView(
        space=build.space,
        build_id=build.build_id,
        status=build.status,
        image_tag=build.image_tag,
        started_at=build.started_at,
        completed_at=build.completed_at,
        agents_deployed=[BuiltAgentView.model_validate(agent) for agent in build.agents],
        error=error,
    )
