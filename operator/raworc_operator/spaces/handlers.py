"""Events of Spaces and of their children."""

from typing import Any

import kopf

from raworc_crds import space
from raworc_crds.group import COMPONENT_LABEL, GROUP, SPACE_LABEL, VERSION
from raworc_kube.objects import Manifest
from raworc_operator.context import Context
from raworc_operator.labels import BUILD_COMPONENT
from raworc_operator.spaces.reconcile import USAGE_SECONDS
from raworc_operator.spaces.removal import Removal

_SPACES = (GROUP, VERSION, space.PLURAL)
_BUILDS = {COMPONENT_LABEL: BUILD_COMPONENT}


# Only events, no kopf handlers of changes: those would write an annotation into each space.
@kopf.on.event(*_SPACES)
async def notice_space(body: kopf.Body, event: kopf.RawEvent, memo: Any, **_: Any) -> None:  # noqa: ANN401
    """Look at a space of which the spec changed."""
    metadata = body["metadata"]
    seen = (metadata.get("uid"), metadata.get("generation"))
    is_news, memo.seen = seen != memo.get("seen"), seen
    if event["type"] is None:
        memo.resync.request()
    elif is_news:
        memo.context.trigger_space(metadata["name"])


@kopf.on.event(*_SPACES)
async def remove_space(event: kopf.RawEvent, memo: Any, **_: Any) -> None:  # noqa: ANN401 - kopf's
    """Clean up what does not go with the space by itself; a finalizer would hold it back."""
    if event["type"] == "DELETED":
        context: Context = memo.context
        space: Manifest = dict(event["object"])
        key = f"images of {space['metadata']['name']} {space['metadata']['uid']}"
        context.space_queue.add(key, task=Removal(context, space))


@kopf.on.event("batch", "v1", "jobs", labels=_BUILDS)
@kopf.on.event("", "v1", "pods", labels=_BUILDS)
@kopf.on.event("", "v1", "namespaces", labels={SPACE_LABEL: kopf.PRESENT})
async def notice_child(labels: kopf.Labels, event: kopf.RawEvent, memo: Any, **_: Any) -> None:  # noqa: ANN401
    """Look at the space of which a build or the namespace changed."""
    if event["type"] is not None:
        memo.context.trigger_space(labels[SPACE_LABEL])


@kopf.on.event("", "v1", "resourcequotas", labels={SPACE_LABEL: kopf.PRESENT})
async def notice_usage(
    namespace: str | None,
    labels: kopf.Labels,
    memo: Any,  # noqa: ANN401 - kopf's memo
    **_: Any,  # noqa: ANN401 - what kopf hands over besides
) -> None:
    """Report the usage of a space, and try again what had no room before."""
    context: Context = memo.context
    context.trigger_space(labels[SPACE_LABEL], USAGE_SECONDS)
    context.trigger_waiting(str(namespace), USAGE_SECONDS)
