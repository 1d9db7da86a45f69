"""Events of AgentSessions and of their children."""

from typing import Any

import kopf

from raworc_crds import agent_session
from raworc_crds.group import GROUP, SESSION_LABEL, SPACE_LABEL, VERSION
from raworc_operator.context import Context
from raworc_operator.nodes import is_lost
from raworc_operator.spaces.reconcile import USAGE_SECONDS

_SESSIONS = (GROUP, VERSION, agent_session.PLURAL)
_COMINGS_AND_GOINGS = {"ADDED", "DELETED"}


# Only events, no kopf handlers of changes: those would write an annotation into each session.
@kopf.on.event(*_SESSIONS)
async def notice_session(
    body: kopf.Body,
    event: kopf.RawEvent,
    memo: Any,  # noqa: ANN401 - kopf's memo, which each session has of its own
    **_: Any,  # noqa: ANN401 - what kopf hands over besides
) -> None:
    """Look at a session of which the spec or the report of its host changed."""
    context: Context = memo.context
    metadata = body["metadata"]
    report = (body.get("status") or {}).get("host")
    seen = (metadata.get("uid"), metadata.get("generation"), report)
    is_news, memo.seen = seen != memo.get("seen"), seen
    if event["type"] is None:
        # One of a list, of which most need nothing; the resync finds out with a few requests.
        memo.resync.request()
    elif is_news:
        context.trigger_session(metadata["namespace"], metadata["name"])
    space = (body.get("spec") or {}).get("space")
    if event["type"] in _COMINGS_AND_GOINGS and space:
        context.trigger_space(space, USAGE_SECONDS)


@kopf.on.event("", "v1", "pods", labels={SESSION_LABEL: kopf.PRESENT})
@kopf.on.event("", "v1", "persistentvolumeclaims", labels={SESSION_LABEL: kopf.PRESENT})
async def notice_child(
    namespace: str | None,
    labels: kopf.Labels,
    event: kopf.RawEvent,
    memo: Any,  # noqa: ANN401 - kopf's memo
    **_: Any,  # noqa: ANN401 - what kopf hands over besides
) -> None:
    """Look at the session of which a pod or a volume changed."""
    context: Context = memo.context
    if event["type"] is None:
        memo.resync.request()
        return
    context.trigger_session(str(namespace), labels[SESSION_LABEL])
    if event["type"] in _COMINGS_AND_GOINGS and SPACE_LABEL in labels:
        context.trigger_space(labels[SPACE_LABEL], USAGE_SECONDS)


@kopf.on.event("", "v1", "nodes")
async def notice_node(
    name: str | None,
    body: kopf.Body,
    event: kopf.RawEvent,
    memo: Any,  # noqa: ANN401 - kopf's memo
    **_: Any,  # noqa: ANN401 - what kopf hands over besides
) -> None:
    """Look at everything once a node is lost, as no event of its pods tells of it."""
    context: Context = memo.context
    if event["type"] != "DELETED" and not is_lost(body):
        context.lost_nodes.discard(str(name))
    elif str(name) not in context.lost_nodes:
        context.lost_nodes.add(str(name))
        memo.resync.request()
