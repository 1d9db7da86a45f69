"""One pass over an AgentSession: its volume, its pod, its status."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from pydantic import ValidationError

from raworc_crds.agent_session import SessionReason, SessionSpec, SessionStatus
from raworc_crds.names import session_claim_name, session_pod_name
from raworc_operator.builders.pod import session_pod
from raworc_operator.builders.registry_secret import image_pull_secrets
from raworc_operator.builders.volume import session_claim
from raworc_operator.cluster import ExistsError, RefusedError
from raworc_operator.lifecycle import Presence, SessionView
from raworc_operator.objects import CLAIM, POD, SESSION, SPACE, Key, Manifest, is_going, key_of
from raworc_operator.plan import Builders, Plan, plan_session
from raworc_operator.pod_trouble import Cause, pod_trouble
from raworc_operator.reconcile.world import World
from raworc_operator.session_status import invalid_status, session_status
from raworc_operator.status import status_patch

_logger = logging.getLogger(__name__)

# A refusal may be lifted by what no event tells of: a policy, a permission, a bigger quota.
_REFUSED_RETRY_SECONDS = 15.0


def reconcile_session(world: World, namespace: str, name: str) -> float | None:
    """Bring one session to what its spec asks for, and report how far that got."""
    session = world.cluster.read(Key(SESSION, name, namespace))
    if session is None:
        world.session_turns.forget(Key(SESSION, name, namespace))
        return None
    if is_going(session):
        return None
    try:
        spec = SessionSpec.model_validate(session["spec"])
    except ValidationError as error:
        _report(world, session, invalid_status(session, spec_errors(error), world.now()))
        return None
    view = _look(world, session, spec)
    plan = plan_session(view, builders(world), world.now())
    view, hindrance = _act(world, view, plan)
    _report(world, session, session_status(view, hindrance, world.now()))
    return plan.retry_after if hindrance is plan.hindrance else _REFUSED_RETRY_SECONDS


def builders(world: World) -> Builders:
    """Return what makes the children of sessions."""
    settings = world.settings
    return Builders(
        pod=partial(
            session_pod,
            api_url=settings.api_url,
            image_pull_secrets=image_pull_secrets(settings),
        ),
        claim=session_claim,
        namespace_prefix=settings.namespace_prefix,
    )


def needs_attention(world: World, view: SessionView) -> bool:
    """Say whether a pass over this session would write anything."""
    plan = plan_session(view, builders(world), world.now())
    status = session_status(view, plan.hindrance, world.now())
    return not plan.is_empty or bool(status_patch(view.session, status))


def spec_errors(error: ValidationError) -> str:
    """Say in words what is wrong with a spec."""
    return "; ".join(
        f"`{'.'.join(str(part) for part in item['loc'])}`: {item['msg']}"
        for item in error.errors(include_url=False)
    )


def _look(world: World, session: Manifest, spec: SessionSpec) -> SessionView:
    name, namespace = session["metadata"]["name"], session["metadata"]["namespace"]
    return SessionView(
        session=session,
        spec=spec,
        space=world.cluster.read(Key(SPACE, spec.space)),
        claim=world.cluster.read(Key(CLAIM, session_claim_name(name), namespace)),
        pod=world.cluster.read(Key(POD, session_pod_name(name), namespace)),
    )


def _act(world: World, view: SessionView, plan: Plan) -> tuple[SessionView, Cause | None]:
    try:
        view = _create(world, view, plan.create)
        _delete(world, view, plan.delete)
    except ExistsError:
        # Somebody else was faster; the event of what they did brings the next pass.
        return view, plan.hindrance
    except RefusedError as error:
        return view, _refusal(str(error))
    return view, plan.hindrance


def _create(world: World, view: SessionView, manifests: Iterable[Manifest]) -> SessionView:
    for manifest in manifests:
        made = world.cluster.create(manifest)
        _logger.info("%s/%s: made %s", view.spec.space, view.name, key_of(manifest))
        is_pod = key_of(manifest).kind is POD
        view = replace(view, pod=made) if is_pod else replace(view, claim=made)
    return view


def _delete(world: World, view: SessionView, pods: Iterable[Manifest]) -> None:
    for pod in pods:
        if view.pod_presence is Presence.ENDED and not view.spec.closed:
            reason, message = pod_trouble(pod) or Cause(SessionReason.POD_FAILED, "The pod ended.")
            words = f"The pod is replaced. {reason}: {message}"
            world.tell(view.session, "PodReplaced", words, warning=True)
        world.cluster.delete(
            Key(POD, pod["metadata"]["name"], pod["metadata"]["namespace"]), pod["metadata"]["uid"]
        )
        _logger.info("%s/%s: deleted the pod", view.spec.space, view.name)


def _refusal(message: str) -> Cause:
    if "exceeded quota" in message or "must specify limits" in message:
        return Cause(SessionReason.QUOTA_EXCEEDED, message)
    return Cause(SessionReason.POD_REFUSED, message)


def _report(world: World, session: Manifest, status: SessionStatus) -> None:
    patch = status_patch(session, status)
    if patch:
        metadata = session["metadata"]
        key = Key(SESSION, metadata["name"], metadata["namespace"])
        world.cluster.patch_status(key, metadata["uid"], patch)
