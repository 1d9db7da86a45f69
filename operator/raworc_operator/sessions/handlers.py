"""Events of AgentSessions and of their children."""

from typing import Any

import kopf

from raworc_crds import agent_session
from raworc_crds.group import GROUP, HOST_ANNOTATION, SESSION_LABEL, SPACE_LABEL, VERSION
from raworc_kube.objects import SESSION, Key
from raworc_operator.context import Context
from raworc_operator.spaces.reconcile import USAGE_SECONDS, session_callback, trigger_space

_SESSIONS = (GROUP, VERSION, agent_session.PLURAL)
_COMINGS_AND_GOINGS = {"ADDED", "DELETED"}


@kopf.on.resume(*_SESSIONS)
@kopf.on.create(*_SESSIONS)
@kopf.on.update(*_SESSIONS, field="spec")
def reconcile_session(namespace: str | None, name: str, memo: Any, **_: Any) -> None:  # noqa: ANN401
    """Bring a session that changed to what it asks for."""
    _take(memo.context, namespace, name)


@kopf.on.event("", "v1", "pods", labels={SESSION_LABEL: kopf.PRESENT})
@kopf.on.event("", "v1", "persistentvolumeclaims", labels={SESSION_LABEL: kopf.PRESENT})
def reconcile_owner(
    namespace: str | None,
    labels: kopf.Labels,
    event: kopf.RawEvent,
    memo: Any,  # noqa: ANN401 - kopf's memo
    **_: Any,  # noqa: ANN401 - what kopf hands over besides
) -> None:
    """Look at the session of which a pod or a volume changed."""
    context: Context = memo.context
    _take(context, namespace, labels[SESSION_LABEL])
    if event["type"] in _COMINGS_AND_GOINGS and SPACE_LABEL in labels:
        trigger_space(context, labels[SPACE_LABEL], USAGE_SECONDS)


@kopf.on.event(*_SESSIONS)
def count_sessions(spec: kopf.Spec, event: kopf.RawEvent, memo: Any, **_: Any) -> None:  # noqa: ANN401
    """Have the space of a session that came or went count anew."""
    if event["type"] in _COMINGS_AND_GOINGS and spec.get("space"):
        trigger_space(memo.context, spec["space"], USAGE_SECONDS)


@kopf.on.event(*_SESSIONS)
def notice_report(
    namespace: str | None,
    name: str,
    annotations: kopf.Annotations,
    memo: Any,  # noqa: ANN401 - kopf's memo, which each session has of its own
    **_: Any,  # noqa: ANN401 - what kopf hands over besides
) -> None:
    """Look at a session whose host reported; as an update it would cost kopf a write each time."""
    report = annotations.get(HOST_ANNOTATION)
    if report != memo.get("report"):
        memo.report = report
        _take(memo.context, namespace, name)


def _take(context: Context, namespace: str | None, name: str) -> None:
    inside = str(namespace)  # kopf has None for kinds without namespaces, which these are not
    context.session_queue.take(Key(SESSION, name, inside), session_callback(context, inside, name))
