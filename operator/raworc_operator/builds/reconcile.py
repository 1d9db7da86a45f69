"""One pass over the build of a Space: resolve, ask the registry, start a Job, follow it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from raworc_crds.names import build_job_name, image_repository, space_namespace
from raworc_crds.space import Build, BuildState, SpaceReason, SpaceSpec
from raworc_kube.errors import ClusterError
from raworc_kube.objects import JOB, POD, Key, Manifest, condition, is_going, time_text
from raworc_operator.builds.authorities import authorities
from raworc_operator.builds.decision import (
    Step,
    former_build,
    good_image,
    growing_delay,
    is_retried,
    new_build,
    next_step,
    pinned_agents,
    seconds_to_renew,
    seconds_to_retry,
    seconds_to_wait,
    unresolved_build,
)
from raworc_operator.builds.job import build_job
from raworc_operator.builds.key import PinnedAgent, build_key
from raworc_operator.builds.outcome import Outcome, build_outcome
from raworc_operator.context import Context
from raworc_operator.labels import BUILD_COMPONENT, selector
from raworc_operator.spaces.status import quota_blocker
from raworc_operator.status import cut
from raworc_sources.problems import SourceError
from raworc_sources.protocol import BaseImages, FindImage, RepositoryRef, Resolve

_logger = logging.getLogger(__name__)

# A Job without a pod gives no event: its quota may be used up.
_WAITING_SECONDS = 5.0


class Progress(NamedTuple):
    """What came of one pass over a build."""

    build: Build | None
    image: str | None
    message: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass over a build is about."""

    context: Context
    space: Manifest
    spec: SpaceSpec
    quota: Manifest | None

    @property
    def name(self) -> str:
        """The name of the space."""
        return str(self.space["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """The namespace of the space."""
        return space_namespace(self.name, self.context.settings.namespace_prefix)

    @property
    def asker(self) -> str:
        """As whom the sources are asked: a changed spec wants answers of its own."""
        metadata = self.space["metadata"]
        return f"{metadata['uid']}/{metadata.get('generation')}"

    @property
    def former_image(self) -> str | None:
        """The last good image."""
        return good_image(self.space)


def reconcile_build(work: Pass) -> Progress:
    """Take the build of a space one step further."""
    if not work.spec.agents:
        return Progress(None, None)
    former = former_build(work.space)
    now = work.context.now()
    match next_step(work.space, work.spec, now):
        case Step.RESOLVE:
            return _resolve(work, former)
        case Step.RENEW if former is not None:
            return _renew(work, former)
        case Step.FOLLOW if former is not None:
            return _follow(work, former)
        case Step.REST if former is not None and former.state is BuildState.COMPLETED:
            return _keep(work, former)
    retry = seconds_to_retry(former, now) if former and is_retried(former) else None
    return Progress(former, work.former_image, retry_after=retry)


def _keep(work: Pass, build: Build) -> Progress:
    """Leave a completed build alone, unless its image is not where nodes pull it.

    The registry may have another address since, or have lost the image, which a session's node
    finds out. The build begins again with the commits that it had.
    """
    is_doubted = work.name in work.context.doubted_images
    is_in_place = (work.former_image or "").startswith(f"{work.context.settings.registry_pull}/")
    if is_in_place and not is_doubted:
        return Progress(build, work.former_image)
    progress = _renew(work, build)
    if progress.build is not None and progress.build.state is not BuildState.COMPLETED:
        words = f"{work.former_image} is not in the registry; it is built again."
        work.context.tell(work.space, "ImageMissing", words, warning=True)
    if progress.retry_after is None:
        work.context.doubted_images.discard(work.name)
    return progress


def _resolve(work: Pass, former: Build | None) -> Progress:
    try:
        agents, base = _pin(work)
        key = build_key(agents, base, work.context.settings.kaniko_image)
        began = time_text(work.context.now())
        return _begin(work, new_build(agents, key, work.spec.rebuild, former, began), agents, base)
    except SourceError as error:
        return _unresolved(work, former, error)


def _renew(work: Pass, former: Build) -> Progress:
    """Look at a build of another version: the same commits may become another image now."""
    agents = pinned_agents(work.spec.agents, former)
    began = time_text(work.context.now())
    try:
        base = _base_images(work)
        key = build_key(agents, base, work.context.settings.kaniko_image)
        return _begin(work, new_build(agents, key, former.rebuild, former, began), agents, base)
    except SourceError as error:
        # What has an image goes on as it is; what has none says that it waits.
        is_usable = work.former_image is not None
        state = former.state if is_usable else BuildState.PENDING
        waiting = former.model_copy(update={"state": state})
        return Progress(waiting, work.former_image, str(error), seconds_to_renew(error))


def _base_images(work: Pass) -> BaseImages:
    wanted = Resolve(asker=work.asker, refs=(), base_images=work.context.settings.base_images)
    return work.context.sources.resolve(wanted).base_images


def _pin(work: Pass) -> tuple[list[PinnedAgent], BaseImages]:
    agents = work.spec.agents
    found = work.context.sources.resolve(
        Resolve(
            asker=work.asker,
            refs=tuple(RepositoryRef(repo=agent.repo, ref=agent.ref) for agent in agents),
            base_images=work.context.settings.base_images,
        )
    )
    pinned = [PinnedAgent(*pair) for pair in zip(agents, found.commits, strict=True)]
    return pinned, found.base_images


def _find_image(work: Pass, build: Build) -> str | None:
    return work.context.sources.find_image(
        FindImage(
            asker=work.asker,
            repository=image_repository(work.name),
            tag=build.id,
            build_key=build.key,
        )
    )


def _unresolved(work: Pass, former: Build | None, error: SourceError) -> Progress:
    now = work.context.now()
    build = unresolved_build(work.spec, error, former, now)
    is_news = former is None or (former.key, former.reason) != (build.key, build.reason)
    if is_news and not error.is_pending:
        event = "BuildWaits" if error.is_passing else "BuildFailed"
        work.context.tell(work.space, event, f"{error.reason}: {error}", warning=True)
    retry = seconds_to_wait if error.is_passing else seconds_to_retry
    return Progress(build, work.former_image, build.message or "", retry(build, now))


def _wait(work: Pass, build: Build, error: SourceError) -> Progress:
    """Leave a build whose commits are known as it is until the registry can be asked."""
    return Progress(
        build, work.former_image, str(error), seconds_to_wait(build, work.context.now())
    )


def _begin(work: Pass, build: Build, agents: Sequence[PinnedAgent], base: BaseImages) -> Progress:
    digest = _find_image(work, build)
    if digest is not None:
        return _completed(work, build, digest)
    job = work.context.cluster.find(_job_key(work, build))
    if job is not None and _is_of_use(job):
        return _follow(work, build)
    if job is not None:
        # What failed, or made an image that no longer exists, is in the way of its successor.
        work.context.cluster.delete(_job_key(work, build), job["metadata"]["uid"])
    _stop_others(work, build)
    return _start(work, build, agents, base)


def _is_of_use(job: Manifest) -> bool:
    ended = any(condition(job, kind).get("status") == "True" for kind in ("Failed", "Complete"))
    return not ended and not is_going(job)


def _start(work: Pass, build: Build, agents: Sequence[PinnedAgent], base: BaseImages) -> Progress:
    cluster, settings = work.context.cluster, work.context.settings
    if settings.authorities:
        cluster.apply(authorities(work.name, work.namespace, settings.authorities))
    try:
        cluster.create(build_job(work.space, agents, build, base, settings))
    except ClusterError as error:
        # A quota, a policy, a webhook: what refuses the Job now may allow it later.
        words = f"The cluster refuses its Job, which is tried again: {cut(str(error))}"
        delay = growing_delay(build, work.context.now())
        return Progress(build, work.former_image, words, delay)
    _logger.info("%s: build %s began", work.name, build.id)
    words = ", ".join(f"{agent.source.name} at {agent.commit[:12]}" for agent in agents)
    work.context.tell(work.space, "BuildStarted", f"Build '{build.id}' of {words}.")
    return Progress(build, work.former_image, "It begins.", _WAITING_SECONDS)


def _stop_others(work: Pass, build: Build) -> None:
    # A build that nobody waits for any more would take the processor from this one.
    cluster = work.context.cluster
    wanted = build_job_name(build.id)
    for job in cluster.list_all(JOB, work.namespace, selector(component=BUILD_COMPONENT)).items:
        if job["metadata"]["name"] != wanted and _is_of_use(job):
            key = Key(JOB, job["metadata"]["name"], work.namespace)
            cluster.delete(key, job["metadata"]["uid"])


def _follow(work: Pass, build: Build) -> Progress:
    cluster = work.context.cluster
    job = cluster.find(_job_key(work, build))
    if job is None or is_going(job):
        return _again(work, build)
    label = f"batch.kubernetes.io/job-name={build_job_name(build.id)}"
    outcome = build_outcome(job, cluster.list_all(POD, work.namespace, label).items)
    match outcome.state:
        case BuildState.COMPLETED:
            return _pushed(work, build, outcome)
        case BuildState.FAILED:
            return _failed(work, build, outcome.reason or SpaceReason.BUILD_FAILED, outcome.message)
    return _under_way(work, build, outcome)


def _again(work: Pass, build: Build) -> Progress:
    """Begin a build whose Job is gone with the commits that it had."""
    try:
        return _begin(work, build, pinned_agents(work.spec.agents, build), _base_images(work))
    except SourceError as error:
        return _wait(work, build, error)


def _under_way(work: Pass, build: Build, outcome: Outcome) -> Progress:
    build = build.model_copy(update={"state": outcome.state})
    if outcome.state is BuildState.BUILDING:
        return Progress(build, work.former_image, outcome.message)
    blocker = quota_blocker(work.quota)
    message = f"{outcome.message} It has none: {blocker}." if blocker else outcome.message
    return Progress(build, work.former_image, message, growing_delay(build, work.context.now()))


def _pushed(work: Pass, build: Build, outcome: Outcome) -> Progress:
    try:
        digest = outcome.digest or _find_image(work, build)
    except SourceError as error:
        return _wait(work, build, error)
    if digest is None:
        words = "The build succeeded, but its image is not in the registry."
        return _failed(work, build, SpaceReason.BUILD_FAILED, words)
    return _completed(work, build, digest)


def _completed(work: Pass, build: Build, digest: str) -> Progress:
    former = former_build(work.space)
    ended = time_text(work.context.now())
    if former and former.key == build.key and former.state is BuildState.COMPLETED:
        ended = former.completion_time or ended
    else:
        work.context.tell(work.space, "BuildCompleted", f"Build '{build.id}' completed.")
    build = build.model_copy(update={"state": BuildState.COMPLETED, "completion_time": ended})
    image = f"{work.context.settings.registry_pull}/{image_repository(work.name)}@{digest}"
    return Progress(build, image)


def _failed(work: Pass, build: Build, reason: SpaceReason, message: str) -> Progress:
    work.context.tell(work.space, "BuildFailed", f"Build '{build.id}': {reason}", warning=True)
    failed = {
        "state": BuildState.FAILED,
        "completion_time": time_text(work.context.now()),
        "reason": reason,
        "message": cut(message),
    }
    return Progress(build.model_copy(update=failed), work.former_image)


def _job_key(work: Pass, build: Build) -> Key:
    return Key(JOB, build_job_name(build.id), work.namespace)
