"""Whether a space needs its refs resolved, its build followed, or nothing; pure."""

import json
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from pydantic import ValidationError

from raworc_crds import __version__
from raworc_crds.space import AgentSource, Build, BuildState, BuiltAgent, SpaceReason, SpaceSpec
from raworc_kube.objects import Manifest, parse_time, time_text
from raworc_operator.builds.key import PinnedAgent, build_id
from raworc_operator.status import cut
from raworc_sources.problems import PASSING, SourceError

# How often refs are looked at again that a person has to mend.
_MENDED_SECONDS = 60.0
# How often the sources are asked for an answer that they still look for.
_ASKING_SECONDS = 1.0
# What the surroundings hold back is tried again after as long as it has waited.
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 10.0, 600.0


class Step(StrEnum):
    """What a space's build needs next."""

    RESOLVE = "resolve"
    RENEW = "renew"
    FOLLOW = "follow"
    REST = "rest"


def former_build(space: Manifest) -> Build | None:
    """Return the newest build as the status tells it."""
    written = (space.get("status") or {}).get("build")
    if not written:
        return None
    try:
        return Build.model_validate(written)
    except ValidationError:
        return None


def good_image(space: Manifest) -> str | None:
    """Return the image of new sessions: the last good one.

    One of a build that does not tell its operator's version has no runner: it was made when a
    session's pod had one container, and none of today's can run it (docs/decisions/0030).
    """
    status = space.get("status") or {}
    build = status.get("build")
    image: str | None = status.get("image")
    return None if build and not build.get("operatorVersion") else image


def next_step(space: Manifest, spec: SpaceSpec, now: datetime) -> Step:
    """Decide from spec and status alone, so that an operator that comes back carries on."""
    build = former_build(space)
    if build is None or not _is_answer(build, space, spec):
        return Step.RESOLVE
    if is_of_other_version(build) and build.state is not BuildState.FAILED and build.agents:
        return Step.RENEW
    if build.state in {BuildState.PENDING, BuildState.BUILDING}:
        return Step.FOLLOW if build.agents else Step.RESOLVE
    if is_retried(build) and seconds_to_retry(build, now) <= 0:
        return Step.RESOLVE
    return Step.REST


def _is_answer(build: Build, space: Manifest, spec: SpaceSpec) -> bool:
    if build.agents_hash is not None:
        return _is_of(build, spec.agents, spec.rebuild)
    # A build of a version before; a generation says less, as it changes with any field.
    observed = (space.get("status") or {}).get("observedGeneration")
    built, wanted = ({agent.name for agent in some} for some in (build.agents, spec.agents))
    return observed == space["metadata"].get("generation") and built in (set(), wanted)


def _is_of(build: Build | None, agents: Sequence[AgentSource], rebuild: str | None) -> bool:
    """Say whether a build answers what is asked for; its refs may name other commits by now."""
    wanted = (agents_hash(agents), rebuild)
    return build is not None and (build.agents_hash, build.rebuild) == wanted


def agents_hash(agents: Sequence[AgentSource]) -> str:
    """Hash the agents as a spec names them."""
    text = json.dumps([agent.model_dump(mode="json") for agent in agents], sort_keys=True)
    return sha256(text.encode()).hexdigest()


def is_retried(build: Build) -> bool:
    """Say whether a failed build is tried again without being asked for.

    What its author has to mend is not, but for an operator of another version, which may see it
    with other eyes.
    """
    if build.state is not BuildState.FAILED:
        return False
    return is_unresolved(build) or _is_of_surroundings(build) or is_of_other_version(build)


def _is_of_surroundings(build: Build) -> bool:
    return build.reason in PASSING


def is_of_other_version(build: Build) -> bool:
    """Say whether an operator of another version decided on a build."""
    return build.operator_version != __version__


def is_unresolved(build: Build) -> bool:
    """Say whether a build failed before its commits were known."""
    return build.state is BuildState.FAILED and not build.agents


def seconds_to_retry(build: Build, now: datetime) -> float:
    """Say in how many seconds a failed build is tried again."""
    tried = parse_time(build.completion_time or time_text(now))
    return _retry_delay(build, tried) - (now - tried).total_seconds()


def _retry_delay(build: Build, tried: datetime) -> float:
    if is_unresolved(build):
        return _MENDED_SECONDS
    if is_of_other_version(build):
        return 0.0
    return growing_delay(build, tried)


def growing_delay(build: Build, now: datetime) -> float:
    """Say after how many seconds a build is tried again that the surroundings hold back."""
    began = parse_time(build.start_time or time_text(now))
    return min(max((now - began).total_seconds(), _FIRST_RETRY_SECONDS), _LAST_RETRY_SECONDS)


def seconds_to_wait(build: Build, now: datetime) -> float:
    """Say in how many seconds the sources are asked again for a build that waits for them."""
    if build.reason == SpaceReason.RESOLVING:
        return _ASKING_SECONDS
    return growing_delay(build, now)


def seconds_to_renew(error: SourceError) -> float:
    """Say in how many seconds the sources are asked again for a build of another version."""
    return _ASKING_SECONDS if error.is_pending else _FIRST_RETRY_SECONDS


def new_build(
    agents: Sequence[PinnedAgent], key: str, rebuild: str | None, former: Build | None, began: str
) -> Build:
    """Describe a build that begins, or that is already known under this key."""
    sources = [agent.source for agent in agents]
    same = (former is not None and (former.key, former.rebuild) == (key, rebuild)) or _is_of(
        former, sources, rebuild
    )
    return Build(
        id=build_id(key),
        key=key,
        agents_hash=agents_hash(sources),
        state=BuildState.PENDING,
        start_time=former.start_time if former and same else began,
        agents=[BuiltAgent(name=agent.source.name, commit=agent.commit) for agent in agents],
        rebuild=rebuild,
        operator_version=__version__,
    )


def unresolved_build(
    spec: SpaceSpec, error: SourceError, former: Build | None, now: datetime
) -> Build:
    """Describe a build that cannot begin: it waits, or it failed if only its author can mend it.

    Its key is that of the wish, as there is no commit.
    """
    key = agents_hash(spec.agents)
    same = _is_of(former, spec.agents, spec.rebuild)
    return Build(
        id=build_id(key),
        key=key,
        agents_hash=key,
        state=BuildState.PENDING if error.is_passing else BuildState.FAILED,
        start_time=former.start_time if former and same else time_text(now),
        completion_time=None if error.is_passing else time_text(now),
        rebuild=spec.rebuild,
        reason=error.reason,
        message=cut(str(error)),
        operator_version=__version__,
    )


def pinned_agents(sources: Sequence[AgentSource], build: Build) -> list[PinnedAgent]:
    """Return the agents of a build at its commits."""
    commits = {agent.name: agent.commit for agent in build.agents}
    return [PinnedAgent(source, commits[source.name]) for source in sources]
