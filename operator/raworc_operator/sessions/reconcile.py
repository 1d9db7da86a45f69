"""One reconcile of an AgentSession: its volume, its pod, its status."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from pydantic import ValidationError

from raworc_crds.agent_session import SessionReason, SessionSpec, SessionStatus
from raworc_crds.names import session_claim_name, session_pod_name
from raworc_crds.wire import read
from raworc_kube.errors import ClusterError, ObjectConflictError, RefusedError
from raworc_kube.objects import (
    CLAIM,
    NODE,
    POD,
    SESSION,
    SPACE,
    Key,
    Manifest,
    condition,
    is_going,
    key_of,
)
from raworc_operator.context import Context
from raworc_operator.nodes import is_lost, node_name
from raworc_operator.sessions.plan import Builders, Plan, plan_session, with_template
from raworc_operator.sessions.pod import HOST_LIMITS, session_pod
from raworc_operator.sessions.pod_status import Blocker, pod_blocker
from raworc_operator.sessions.status import invalid_status, lost_volume, session_status
from raworc_operator.sessions.view import (
    SessionSnapshot,
    is_refused_by_quota,
    lost_node_blocker,
    seconds_without_pod,
)
from raworc_operator.sessions.volume import session_claim
from raworc_operator.settings import Settings
from raworc_operator.spaces.registry_secret import image_pull_secrets
from raworc_operator.status import status_patch

_logger = logging.getLogger(__name__)

# A refusal may be lifted by what no event tells of: a policy, a permission, a webhook that is back.
# It is tried again after as long as it has lasted, within these bounds.
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 5.0, 300.0


def reconcile_session(context: Context, namespace: str, name: str) -> float | None:
    """Bring one session to what its spec asks for, and report how far that got."""
    session = context.cluster.find(Key(SESSION, name, namespace))
    if session is None or is_going(session):
        _leave_line(context, namespace, name)
        return None
    try:
        spec = read(SessionSpec, session["spec"])
    except ValidationError as error:
        _report(context, session, invalid_status(session, spec_errors(error), context.now()))
        return None
    view = _look(context, session, spec)
    _tell_of_lost_volume(context, view)
    plan = plan_session(view, builders(context.settings), context.now())
    view, blocker = _act(context, view, plan)
    status = session_status(view, blocker, context.now())
    _report(context, session, status)
    if any(one.reason == SessionReason.IMAGE_PULL_FAILED for one in status.conditions):
        context.doubt_image(spec.space)
    if blocker is not None and blocker.reason is SessionReason.QUOTA_EXCEEDED:
        context.waiting.join(namespace, name, view.made_at)
    else:
        _leave_line(context, namespace, name)
    return plan.retry_after if blocker is plan.blocker else _refused_delay(view, context.now())


def _tell_of_lost_volume(context: Context, view: SessionSnapshot) -> None:
    lost = lost_volume(view)
    if lost and condition(view.session, "VolumeReady").get("reason") != lost.reason:
        context.tell(view.session, lost.reason, lost.message, warning=True)


def _leave_line(context: Context, namespace: str, name: str) -> None:
    # Whoever got in, or waits no more, lets the next one try.
    if context.waiting.leave(namespace, name):
        context.trigger_waiting(namespace)


def _refused_delay(view: SessionSnapshot, now: datetime) -> float:
    waited = seconds_without_pod(view, now)
    return min(max(waited, _FIRST_RETRY_SECONDS), _LAST_RETRY_SECONDS)


def trigger_again(
    context: Context, view: SessionSnapshot | None, namespace: str, name: str
) -> None:
    """Reconcile a session of which a look found that something is missing.

    One that a quota refused before this operator began takes its place in the line instead.
    """
    if view is None or not is_refused_by_quota(view):
        context.trigger_session(namespace, name)
    elif not context.waiting.waits(namespace, name):
        context.waiting.join(namespace, name, view.made_at)
        context.trigger_session(namespace, name, _refused_delay(view, context.now()))
        context.trigger_waiting(namespace)


def builders(settings: Settings) -> Builders:
    """Return what makes the children of sessions."""
    return Builders(
        pod=lambda view: with_template(
            session_pod(
                view,
                settings=settings,
                image_pull_secrets=image_pull_secrets(settings),
            )
        ),
        claim=session_claim,
        namespace_prefix=settings.namespace_prefix,
        api_url=settings.api_url,
    )


def needs_attention(context: Context, view: SessionSnapshot) -> bool:
    """Say whether a pass over this session would write anything."""
    plan = plan_session(view, builders(context.settings), context.now())
    status = session_status(view, plan.blocker, context.now())
    return not plan.is_empty or bool(status_patch(view.session, status))


def spec_errors(error: ValidationError) -> str:
    """Say in words what is wrong with a spec."""
    return "; ".join(
        f"`{'.'.join(str(part) for part in item['loc'])}`: {item['msg']}"
        for item in error.errors(include_url=False)
    )


def _look(context: Context, session: Manifest, spec: SessionSpec) -> SessionSnapshot:
    name, namespace = session["metadata"]["name"], session["metadata"]["namespace"]
    pod = context.cluster.find(Key(POD, session_pod_name(name), namespace))
    return SessionSnapshot(
        session=session,
        spec=spec,
        space=context.cluster.find(Key(SPACE, spec.space)),
        claim=context.cluster.find(Key(CLAIM, session_claim_name(name), namespace)),
        pod=pod,
        node_is_lost=_is_on_lost_node(context, pod),
    )


def _is_on_lost_node(context: Context, pod: Manifest | None) -> bool:
    node = node_name(pod)
    if node is None or node not in context.lost_nodes:
        return False
    return is_lost(context.cluster.find(Key(NODE, node)))


def _act(
    context: Context, view: SessionSnapshot, plan: Plan
) -> tuple[SessionSnapshot, Blocker | None]:
    try:
        view = _create(context, view, plan.create)
        _delete(context, view, plan)
    except ObjectConflictError:
        # Somebody else was faster; the event of what they did brings the next pass.
        return view, plan.blocker
    except RefusedError as error:
        return view, _refusal(str(error))
    except ClusterError as error:
        # As when a webhook does not answer; a cluster that is away takes no status either.
        return view, Blocker(SessionReason.POD_REFUSED, str(error))
    return view, plan.blocker


def _create(
    context: Context, view: SessionSnapshot, manifests: Iterable[Manifest]
) -> SessionSnapshot:
    for manifest in manifests:
        made = context.cluster.create(manifest)
        _logger.info("%s/%s: made %s", view.spec.space, view.name, key_of(manifest))
        is_pod = key_of(manifest).kind is POD
        view = replace(view, pod=made) if is_pod else replace(view, claim=made)
    return view


def _delete(context: Context, view: SessionSnapshot, plan: Plan) -> None:
    for pod in plan.delete:
        if not view.spec.closed:
            ended = Blocker(SessionReason.POD_FAILED, "The pod ended.")
            reason, message = plan.why or lost_node_blocker(view) or pod_blocker(pod) or ended
            words = f"The pod is being replaced. {reason}: {message}"
            context.tell(view.session, "PodReplaced", words, warning=True)
        metadata = pod["metadata"]
        key = Key(POD, metadata["name"], metadata["namespace"])
        context.cluster.delete(key, metadata["uid"], 0 if plan.force else None)
        _logger.info("%s/%s: deleted the pod", view.spec.space, view.name)


def _refusal(message: str) -> Blocker:
    if "exceeded quota" in message or "must specify limits" in message:
        return Blocker(SessionReason.QUOTA_EXCEEDED, message + _share_of_host(message))
    return Blocker(SessionReason.POD_REFUSED, message)


def _share_of_host(message: str) -> str:
    if "limits." not in message:
        return ""
    needed = " and ".join(f"{amount} of {name}" for name, amount in HOST_LIMITS.items())
    return f" ({needed} of that are for the host of the session)"


def _report(context: Context, session: Manifest, status: SessionStatus) -> None:
    patch = status_patch(session, status)
    if patch:
        context.cluster.patch_status(session, patch)
