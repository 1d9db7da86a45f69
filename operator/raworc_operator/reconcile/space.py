"""One pass over a Space: its namespace and what stands in it, its build, its status."""

import logging
from collections.abc import Callable
from functools import partial

from pydantic import ValidationError

from raworc_crds.conditions import Condition, Status
from raworc_crds.group import SPACE_LABEL
from raworc_crds.names import space_namespace
from raworc_crds.space import SpaceReason, SpaceSpec, SpaceStatus
from raworc_operator.builders.labels import SESSION_COMPONENT, selector
from raworc_operator.builders.namespace import (
    namespace,
    session_account,
    session_network_policy,
)
from raworc_operator.builders.quota import QUOTA_NAME, space_quota
from raworc_operator.builders.registry_secret import PULL_SECRET, PUSH_SECRET, registry_secret
from raworc_operator.cluster import RefusedError
from raworc_operator.objects import (
    NAMESPACE,
    POD,
    QUOTA,
    SECRET,
    SESSION,
    SPACE,
    Key,
    Manifest,
    is_going,
)
from raworc_operator.reconcile.build import Pass, Progress, reconcile_build
from raworc_operator.reconcile.session import reconcile_session, spec_errors
from raworc_operator.reconcile.world import World
from raworc_operator.space_status import (
    SpaceView,
    built_condition,
    invalid_status,
    namespace_condition,
    space_status,
    unbuilt_condition,
)
from raworc_operator.status import status_patch

_logger = logging.getLogger(__name__)

_TERMINATING_SECONDS = 2.0
# Who labels the namespace is heard at once; that another one goes is not.
_TAKEN_SECONDS = 30.0
# Pods come and go in crowds; their count is taken once a second.
USAGE_SECONDS = 1.0


def reconcile_space(world: World, name: str) -> float | None:
    """Bring one space to what its spec asks for, and report how far that got."""
    space = world.cluster.read(Key(SPACE, name))
    if space is None:
        world.space_turns.forget(Key(SPACE, name))
        return None
    if is_going(space):
        return None
    try:
        spec = SpaceSpec.model_validate(space["spec"])
    except ValidationError as error:
        _report(world, space, invalid_status(space, spec_errors(error), world.now()))
        return None
    ready = _prepare_namespace(world, space)
    if ready.status is not Status.TRUE:
        return _report_without_namespace(world, space, ready)
    return _reconcile_inside(world, space, spec, ready)


def _reconcile_inside(
    world: World, space: Manifest, spec: SpaceSpec, ready: Condition
) -> float | None:
    name = space["metadata"]["name"]
    inside = space_namespace(name, world.settings.namespace_prefix)
    world.cluster.apply(session_account(name, inside))
    world.cluster.apply(session_network_policy(name, inside))
    _apply_accounts(world, name, inside)
    quota = _apply_quota(world, name, inside, spec)
    progress = reconcile_build(Pass(world, space, spec, quota))
    view = SpaceView(
        space=space,
        namespace=ready,
        built=built_condition(progress.build, progress.message),
        build=progress.build,
        image=progress.image,
        quota=quota,
        sessions=world.cluster.count(SESSION, inside),
        running_sessions=world.cluster.count(POD, inside, selector(component=SESSION_COMPONENT)),
    )
    _report(world, space, space_status(view, inside, world.now()))
    if _concerns_sessions(space, progress):
        wake_sessions(world, inside)
    return progress.retry_after


def wake_sessions(world: World, inside: str, seconds: float = 0) -> None:
    """Look again, soon, at the sessions of a namespace that wait for something."""
    for session in world.cluster.list_all(SESSION, inside):
        waits = not (session.get("status") or {}).get("podName")
        if waits and not (session.get("spec") or {}).get("closed"):
            trigger_session(world, inside, session["metadata"]["name"], seconds)


def trigger_session(world: World, inside: str, name: str, seconds: float = 0) -> None:
    """Look at a session soon, in another thread."""
    world.session_turns.later(
        Key(SESSION, name, inside), seconds, session_deed(world, inside, name)
    )


def trigger_space(world: World, name: str, seconds: float = 0) -> None:
    """Look at a space soon, in another thread."""
    world.space_turns.later(Key(SPACE, name), seconds, space_deed(world, name))


def session_deed(world: World, inside: str, name: str) -> Callable[[], float | None]:
    """Return one pass over a session, to be run at its turn."""
    return partial(reconcile_session, world, inside, name)


def space_deed(world: World, name: str) -> Callable[[], float | None]:
    """Return one pass over a space, to be run at its turn."""
    return partial(reconcile_space, world, name)


def _prepare_namespace(world: World, space: Manifest) -> Condition:
    name = space["metadata"]["name"]
    wanted = namespace(space, world.settings.namespace_prefix)
    inside = wanted["metadata"]["name"]
    found = world.cluster.read(Key(NAMESPACE, inside))
    if found is not None and is_going(found):
        words = f"Namespace '{inside}' is being deleted; a new one follows."
        return namespace_condition(SpaceReason.NAMESPACE_TERMINATING, words)
    if found is not None and (found["metadata"].get("labels") or {}).get(SPACE_LABEL) != name:
        words = (
            f"Namespace '{inside}' is not this Space's; to have it adopted, label it"
            f" '{SPACE_LABEL}={name}'."
        )
        return namespace_condition(SpaceReason.NAMESPACE_TAKEN, words)
    try:
        world.cluster.apply(wanted)
    except RefusedError as error:
        return namespace_condition(SpaceReason.NAMESPACE_TAKEN, str(error))
    words = f"Namespace '{inside}' is there."
    return namespace_condition(SpaceReason.NAMESPACE_ACTIVE, words)


def _report_without_namespace(world: World, space: Manifest, ready: Condition) -> float:
    former = SpaceStatus.model_validate(space.get("status") or {})
    built = built_condition(former.build) if former.build else unbuilt_condition(ready)
    view = SpaceView(
        space=space,
        namespace=ready,
        built=built,
        build=former.build,
        image=former.image,
        quota=None,
    )
    status = space_status(view, "", world.now())
    # Once the namespace is there, the spec is looked at as if it were new.
    unseen = status.model_copy(update={"observed_generation": former.observed_generation})
    _report(world, space, unseen)
    is_taken = ready.reason == SpaceReason.NAMESPACE_TAKEN
    return _TAKEN_SECONDS if is_taken else _TERMINATING_SECONDS


def _apply_quota(world: World, name: str, inside: str, spec: SpaceSpec) -> Manifest | None:
    quota = space_quota(name, inside, spec.quota) if spec.quota else None
    wanted = quota if quota and quota["spec"]["hard"] else None
    return _apply_or_delete(world, Key(QUOTA, QUOTA_NAME, inside), wanted)


def _apply_accounts(world: World, name: str, inside: str) -> None:
    # The files are those of Secrets that may change at any time: each pass hands on what they say.
    settings = world.settings
    for secret, file in (
        (PUSH_SECRET, settings.registry_push_account),
        (PULL_SECRET, settings.registry_pull_account),
    ):
        wanted = registry_secret(name, inside, secret, file.read_bytes()) if file else None
        _apply_or_delete(world, Key(SECRET, secret, inside), wanted)


def _apply_or_delete(world: World, key: Key, wanted: Manifest | None) -> Manifest | None:
    if wanted is not None:
        return world.cluster.apply(wanted)
    found = world.cluster.read(key)
    if found is not None:
        world.cluster.delete(key, found["metadata"]["uid"])
    return None


def _concerns_sessions(space: Manifest, progress: Progress) -> bool:
    status = space.get("status") or {}
    changed = status.get("observedGeneration") != space["metadata"].get("generation")
    return changed or status.get("image") != progress.image


def _report(world: World, space: Manifest, status: SpaceStatus) -> None:
    patch = status_patch(space, status)
    if patch:
        metadata = space["metadata"]
        world.cluster.patch_status(Key(SPACE, metadata["name"]), metadata["uid"], patch)
        _logger.info("%s: status %s", metadata["name"], ", ".join(sorted(patch)))
