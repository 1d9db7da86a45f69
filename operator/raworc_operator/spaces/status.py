"""What the status of a Space says of what was seen; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from raworc_crds.conditions import Condition, Status
from raworc_crds.space import (
    Build,
    BuildState,
    SpaceCondition,
    SpaceReason,
    SpaceStatus,
)
from raworc_kube.objects import Manifest
from raworc_kube.quantities import parse_quantity
from raworc_operator.builds.job import BUILD_LIMITS
from raworc_operator.spaces.quota import RESOURCE_WORDS
from raworc_operator.status import conditions, observed


@dataclass(frozen=True, slots=True)
class SpaceSnapshot:
    """Everything that a Space's status tells of."""

    space: Manifest
    namespace: Condition
    built: Condition
    build: Build | None
    image: str | None
    quota: Manifest | None
    sessions: int = 0
    running_sessions: int = 0


def space_status(view: SpaceSnapshot, namespace: str, now: datetime) -> SpaceStatus:
    """Say what a space is at."""
    quota = _quota_condition(view.quota)
    found = [_ready(view), view.namespace, view.built, quota]
    there = view.namespace.status is Status.TRUE
    return SpaceStatus(
        conditions=conditions(view.space, found, now),
        namespace=namespace if there else None,
        image=view.image,
        image_agents=_image_agents(view),
        build=view.build,
        sessions=view.sessions,
        running_sessions=view.running_sessions,
        observed_generation=view.space["metadata"].get("generation"),
    )


def _image_agents(view: SpaceSnapshot) -> list[str] | None:
    if view.image is None:
        return None
    if view.build is not None and view.build.state is BuildState.COMPLETED:
        return [agent.name for agent in view.build.agents]
    former: list[str] | None = (view.space.get("status") or {}).get("imageAgents")
    return former


def invalid_status(space: Manifest, message: str, now: datetime) -> SpaceStatus:
    """Say that the spec cannot be understood; what exists is left as it is."""
    former = SpaceStatus.model_validate(space.get("status") or {})
    ready = observed(SpaceCondition.READY, Status.FALSE, SpaceReason.INVALID_SPEC, message)
    update = {
        "conditions": conditions(space, [ready], now),
        "observed_generation": space["metadata"].get("generation"),
    }
    return former.model_copy(update=update)


def namespace_condition(reason: SpaceReason, message: str) -> Condition:
    """Say whether the namespace of a space can be used."""
    active = reason is SpaceReason.NAMESPACE_ACTIVE
    status = Status.TRUE if active else Status.FALSE
    return observed(SpaceCondition.NAMESPACE_READY, status, reason, message)


def built_condition(build: Build | None, message: str = "") -> Condition:
    """Say whether the image of the spec is built."""
    if build is None:
        words = message or "The Space has no agents; list some in `spec.agents`."
        return observed(SpaceCondition.BUILT, Status.FALSE, SpaceReason.NO_AGENTS, words)
    if build.state is BuildState.COMPLETED:
        words = f"Build '{build.id}' completed."
        return observed(SpaceCondition.BUILT, Status.TRUE, SpaceReason.BUILT, words)
    if build.state is BuildState.FAILED:
        reason = build.reason or SpaceReason.BUILD_FAILED
        return observed(SpaceCondition.BUILT, Status.FALSE, reason, build.message or "")
    if not build.agents:
        reason = build.reason or SpaceReason.RESOLVING
        words = build.message or message
        return observed(SpaceCondition.BUILT, Status.FALSE, reason, words)
    words = f"Build '{build.id}': {message}"
    return observed(SpaceCondition.BUILT, Status.FALSE, SpaceReason.BUILDING, words)


def unbuilt_condition(namespace: Condition) -> Condition:
    """Say that the build waits for the namespace."""
    words = "The build is waiting for the namespace."
    return observed(SpaceCondition.BUILT, Status.FALSE, namespace.reason, words)


def quota_blocker(quota: Manifest | None) -> str | None:
    """Say which limit of the space leaves no room for a build, if one does."""
    for name, needed in BUILD_LIMITS.items():
        hard, used = _usage(quota, f"limits.{name}")
        if hard is not None and parse_quantity(used) + parse_quantity(needed) > parse_quantity(
            hard
        ):
            return (
                f"a build needs {needed} of {name}, but {used} of {hard} are used"
                " (`spec.quota` of the Space)"
            )
    return None


def _ready(view: SpaceSnapshot) -> Condition:
    if view.namespace.status is Status.TRUE and view.image:
        words = "Sessions can be started."
        return observed(SpaceCondition.READY, Status.TRUE, SpaceReason.READY, words)
    blamed = view.namespace if view.namespace.status is not Status.TRUE else view.built
    return blamed.model_copy(update={"type": SpaceCondition.READY, "status": Status.FALSE})


def _quota_condition(quota: Manifest | None) -> Condition:
    kind = SpaceCondition.QUOTA_AVAILABLE
    if quota is None:
        return observed(kind, Status.TRUE, SpaceReason.NO_QUOTA, "The Space has no quota.")
    usage = {word: _usage(quota, name) for name, word in RESOURCE_WORDS.items()}
    limited = {word: (hard, used) for word, (hard, used) in usage.items() if hard is not None}
    words = ", ".join(f"{word}: {used} of {hard}" for word, (hard, used) in limited.items())
    if any(_left(hard, used) <= 0 for hard, used in limited.values()):
        return observed(kind, Status.FALSE, SpaceReason.QUOTA_EXCEEDED, f"Used up. {words}")
    return observed(kind, Status.TRUE, SpaceReason.WITHIN_QUOTA, words)


def _left(hard: str, used: str) -> Decimal:
    return parse_quantity(hard) - parse_quantity(used)


def _usage(quota: Manifest | None, name: str) -> tuple[str | None, str]:
    hard: Mapping[str, str] = ((quota or {}).get("spec") or {}).get("hard") or {}
    used: Mapping[str, str] = ((quota or {}).get("status") or {}).get("used") or {}
    limit = hard.get(name)
    return (None if limit is None else str(limit)), str(used.get(name, "0"))
