"""One reconcile of a Space: its namespace and what that contains, its build, its status."""

import logging

from pydantic import ValidationError

from raworc_crds.conditions import Condition, Status
from raworc_crds.group import SPACE_LABEL
from raworc_crds.names import space_namespace
from raworc_crds.space import SpaceReason, SpaceSpec, SpaceStatus
from raworc_crds.wire import read
from raworc_kube.errors import RefusedError
from raworc_kube.objects import (
    NAMESPACE,
    POD,
    QUOTA,
    SECRET,
    SESSION,
    SPACE,
    Key,
    Manifest,
    condition,
    is_going,
)
from raworc_operator.builds.decision import good_image
from raworc_operator.builds.images import sweep_images
from raworc_operator.builds.reconcile import Pass, Progress, reconcile_build
from raworc_operator.context import Context
from raworc_operator.labels import SESSION_COMPONENT, selector
from raworc_operator.sessions.reconcile import spec_errors
from raworc_operator.spaces.namespace import (
    namespace,
    session_account,
)
from raworc_operator.spaces.network_policy import network_policies, refused_egress
from raworc_operator.spaces.quota import QUOTA_NAME, space_quota
from raworc_operator.spaces.registry_secret import PULL_SECRET, PUSH_SECRET, registry_secret
from raworc_operator.spaces.status import (
    SpaceSnapshot,
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


def reconcile_space(context: Context, name: str) -> float | None:
    """Bring one space to what its spec asks for, and report how far that got."""
    space = context.cluster.find(Key(SPACE, name))
    if space is None or is_going(space):
        return None
    try:
        spec = read(SpaceSpec, space["spec"])
    except ValidationError as error:
        _report(context, space, invalid_status(space, spec_errors(error), context.now()))
        return None
    refusal = refused_egress(spec.network, context.settings.networks)
    if refusal is not None:
        _report(context, space, invalid_status(space, refusal, context.now()))
        return None
    ready = _prepare_namespace(context, space)
    if ready.status is not Status.TRUE:
        return _report_without_namespace(context, space, ready)
    return _reconcile_inside(context, space, spec, ready)


def _reconcile_inside(
    context: Context, space: Manifest, spec: SpaceSpec, ready: Condition
) -> float | None:
    name = space["metadata"]["name"]
    inside = space_namespace(name, context.settings.namespace_prefix)
    context.cluster.apply(session_account(name, inside))
    for policy in network_policies(name, spec, context.settings):
        context.cluster.apply(policy)
    _apply_accounts(context, name, inside)
    quota = _apply_quota(context, name, inside, spec)
    progress = reconcile_build(Pass(context, space, spec, quota))
    view = SpaceSnapshot(
        space=space,
        namespace=ready,
        built=built_condition(progress.build, progress.message),
        build=progress.build,
        image=progress.image,
        quota=quota,
        sessions=context.cluster.count(SESSION, inside),
        running_sessions=context.cluster.count(POD, inside, selector(component=SESSION_COMPONENT)),
    )
    _report(context, space, space_status(view, inside, context.now()))
    if progress.image and (space.get("status") or {}).get("image") != progress.image:
        sweep_images(context, space, (progress.image, (space.get("status") or {}).get("image")))
    if _concerns_sessions(space, progress):
        wake_sessions(context, inside)
    return progress.retry_after


def wake_sessions(context: Context, inside: str) -> None:
    """Look again at the sessions of a namespace whose pod is missing or does not run."""
    for session in context.cluster.list_all(SESSION, inside).items:
        name = session["metadata"]["name"]
        is_ready = condition(session, "PodReady").get("status") == "True"
        is_closed = (session.get("spec") or {}).get("closed")
        if not is_ready and not is_closed and not context.waiting.waits(inside, name):
            context.trigger_session(inside, name)
    context.trigger_waiting(inside)


def _prepare_namespace(context: Context, space: Manifest) -> Condition:
    name = space["metadata"]["name"]
    wanted = namespace(space, context.settings.namespace_prefix)
    inside = wanted["metadata"]["name"]
    found = context.cluster.find(Key(NAMESPACE, inside))
    if found is not None and is_going(found):
        words = f"Namespace '{inside}' is being deleted; it will be created again."
        return namespace_condition(SpaceReason.NAMESPACE_TERMINATING, words)
    if found is not None and (found["metadata"].get("labels") or {}).get(SPACE_LABEL) != name:
        words = (
            f"Namespace '{inside}' does not belong to this Space. To have it adopted, label it"
            f" '{SPACE_LABEL}={name}': the Space then sets its network policies and pod security,"
            " and it is deleted, with all that is in it, when the Space is."
        )
        return namespace_condition(SpaceReason.NAMESPACE_TAKEN, words)
    try:
        context.cluster.apply(wanted)
    except RefusedError as error:
        return namespace_condition(SpaceReason.NAMESPACE_TAKEN, str(error))
    words = f"Namespace '{inside}' is active."
    return namespace_condition(SpaceReason.NAMESPACE_ACTIVE, words)


def _report_without_namespace(context: Context, space: Manifest, ready: Condition) -> float:
    former = SpaceStatus.model_validate(space.get("status") or {})
    built = built_condition(former.build) if former.build else unbuilt_condition(ready)
    view = SpaceSnapshot(
        space=space,
        namespace=ready,
        built=built,
        build=former.build,
        image=former.image,
        quota=None,
    )
    status = space_status(view, "", context.now())
    # Once the namespace exists, the spec is looked at as if it were new.
    unseen = status.model_copy(update={"observed_generation": former.observed_generation})
    _report(context, space, unseen)
    is_taken = ready.reason == SpaceReason.NAMESPACE_TAKEN
    return _TAKEN_SECONDS if is_taken else _TERMINATING_SECONDS


def _apply_quota(context: Context, name: str, inside: str, spec: SpaceSpec) -> Manifest | None:
    quota = space_quota(name, inside, spec.quota) if spec.quota else None
    wanted = quota if quota and quota["spec"]["hard"] else None
    return _apply_or_delete(context, Key(QUOTA, QUOTA_NAME, inside), wanted)


def _apply_accounts(context: Context, name: str, inside: str) -> None:
    # The files are those of Secrets that may change at any time: so they are read each time.
    settings = context.settings
    for secret, file in (
        (PUSH_SECRET, settings.registry_push_account),
        (PULL_SECRET, settings.registry_pull_account),
    ):
        wanted = registry_secret(name, inside, secret, file.read_bytes()) if file else None
        _apply_or_delete(context, Key(SECRET, secret, inside), wanted)


def _apply_or_delete(context: Context, key: Key, wanted: Manifest | None) -> Manifest | None:
    if wanted is not None:
        return context.cluster.apply(wanted)
    found = context.cluster.find(key)
    if found is not None:
        context.cluster.delete(key, found["metadata"]["uid"])
    return None


def _concerns_sessions(space: Manifest, progress: Progress) -> bool:
    status = space.get("status") or {}
    changed = status.get("observedGeneration") != space["metadata"].get("generation")
    return changed or good_image(space) != progress.image


def _report(context: Context, space: Manifest, status: SpaceStatus) -> None:
    patch = status_patch(space, status)
    if patch:
        context.cluster.patch_status(space, patch)
        _logger.info("%s: status %s", space["metadata"]["name"], ", ".join(sorted(patch)))
