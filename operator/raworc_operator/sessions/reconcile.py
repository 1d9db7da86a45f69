"""One pass over an AgentSession: its volume, its pod, its status."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from pydantic import ValidationError

from raworc_crds.agent_session import SessionReason, SessionSpec, SessionStatus
from raworc_crds.names import session_claim_name, session_pod_name
from raworc_kube.errors import ObjectConflictError, RefusedError
from raworc_kube.objects import CLAIM, POD, SESSION, SPACE, Key, Manifest, is_going, key_of
from raworc_operator.context import Context
from raworc_operator.sessions.plan import Builders, Plan, plan_session
from raworc_operator.sessions.pod import session_pod
from raworc_operator.sessions.status import invalid_status, session_status
from raworc_operator.sessions.trouble import Blocker, pod_blocker
from raworc_operator.sessions.view import Presence, SessionSnapshot
from raworc_operator.sessions.volume import session_claim
from raworc_operator.spaces.registry_secret import image_pull_secrets
from raworc_operator.status import status_patch

_logger = logging.getLogger(__name__)

# A refusal may be lifted by what no event tells of: a policy, a permission, a bigger quota.
_REFUSED_RETRY_SECONDS = 15.0


def reconcile_session(context: Context, namespace: str, name: str) -> float | None:
    """Bring one session to what its spec asks for, and report how far that got."""
    session = context.cluster.find(Key(SESSION, name, namespace))
    if session is None:
        context.session_queue.forget(Key(SESSION, name, namespace))
        return None
    if is_going(session):
        return None
    try:
        spec = SessionSpec.model_validate(session["spec"])
    except ValidationError as error:
        _report(context, session, invalid_status(session, spec_errors(error), context.now()))
        return None
    view = _look(context, session, spec)
    plan = plan_session(view, builders(context), context.now())
    view, blocker = _act(context, view, plan)
    _report(context, session, session_status(view, blocker, context.now()))
    return plan.retry_after if blocker is plan.blocker else _REFUSED_RETRY_SECONDS


def builders(context: Context) -> Builders:
    """Return what makes the children of sessions."""
    settings = context.settings
    return Builders(
        pod=partial(
            session_pod,
            api_url=settings.api_url,
            image_pull_secrets=image_pull_secrets(settings),
        ),
        claim=session_claim,
        namespace_prefix=settings.namespace_prefix,
    )


def needs_attention(context: Context, view: SessionSnapshot) -> bool:
    """Say whether a pass over this session would write anything."""
    plan = plan_session(view, builders(context), context.now())
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
    return SessionSnapshot(
        session=session,
        spec=spec,
        space=context.cluster.find(Key(SPACE, spec.space)),
        claim=context.cluster.find(Key(CLAIM, session_claim_name(name), namespace)),
        pod=context.cluster.find(Key(POD, session_pod_name(name), namespace)),
    )


def _act(
    context: Context, view: SessionSnapshot, plan: Plan
) -> tuple[SessionSnapshot, Blocker | None]:
    try:
        view = _create(context, view, plan.create)
        _delete(context, view, plan.delete)
    except ObjectConflictError:
        # Somebody else was faster; the event of what they did brings the next pass.
        return view, plan.blocker
    except RefusedError as error:
        return view, _refusal(str(error))
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


def _delete(context: Context, view: SessionSnapshot, pods: Iterable[Manifest]) -> None:
    for pod in pods:
        if view.pod_presence is Presence.ENDED and not view.spec.closed:
            ended = Blocker(SessionReason.POD_FAILED, "The pod ended.")
            reason, message = pod_blocker(pod) or ended
            words = f"The pod is replaced. {reason}: {message}"
            context.tell(view.session, "PodReplaced", words, warning=True)
        context.cluster.delete(
            Key(POD, pod["metadata"]["name"], pod["metadata"]["namespace"]), pod["metadata"]["uid"]
        )
        _logger.info("%s/%s: deleted the pod", view.spec.space, view.name)


def _refusal(message: str) -> Blocker:
    if "exceeded quota" in message or "must specify limits" in message:
        return Blocker(SessionReason.QUOTA_EXCEEDED, message)
    return Blocker(SessionReason.POD_REFUSED, message)


def _report(context: Context, session: Manifest, status: SessionStatus) -> None:
    patch = status_patch(session, status)
    if patch:
        metadata = session["metadata"]
        key = Key(SESSION, metadata["name"], metadata["namespace"])
        context.cluster.patch_status(key, metadata["uid"], patch)
