"""Events of Spaces and of their children."""

from typing import Any

import kopf

from raworc_crds import space
from raworc_crds.group import COMPONENT_LABEL, GROUP, SPACE_LABEL, VERSION
from raworc_kube.errors import ClusterError
from raworc_operator.context import Context
from raworc_operator.labels import BUILD_COMPONENT
from raworc_operator.spaces.reconcile import (
    USAGE_SECONDS,
    trigger_space,
    wake_sessions,
)
from raworc_operator.spaces.removal import NotYetError, remove_images
from raworc_sources.registry import RegistryError

_SPACES = (GROUP, VERSION, space.PLURAL)
_BUILDS = {COMPONENT_LABEL: BUILD_COMPONENT}
_REGISTRY_RETRY_SECONDS = 5
_STOPPING_SECONDS = 1


@kopf.on.resume(*_SPACES)
@kopf.on.create(*_SPACES)
@kopf.on.update(*_SPACES, field="spec")
def reconcile_space(name: str, memo: Any, **_: Any) -> None:  # noqa: ANN401 - kopf's
    """Bring a space that changed to what it asks for."""
    trigger_space(memo.context, name)


@kopf.on.delete(*_SPACES)
def remove_space(name: str, memo: Any, **_: Any) -> None:  # noqa: ANN401 - kopf's
    """Clean up what does not go with the space by itself."""
    try:
        remove_images(memo.context, name)
    except NotYetError as error:
        raise kopf.TemporaryError(str(error), delay=_STOPPING_SECONDS) from error
    except (RegistryError, ClusterError) as error:
        raise kopf.TemporaryError(str(error), delay=_REGISTRY_RETRY_SECONDS) from error


@kopf.on.event("batch", "v1", "jobs", labels=_BUILDS)
@kopf.on.event("", "v1", "pods", labels=_BUILDS)
@kopf.on.event("", "v1", "namespaces", labels={SPACE_LABEL: kopf.PRESENT})
def reconcile_owner(labels: kopf.Labels, memo: Any, **_: Any) -> None:  # noqa: ANN401 - kopf's
    """Look at the space of which a build or the namespace changed."""
    trigger_space(memo.context, labels[SPACE_LABEL])


@kopf.on.event("", "v1", "resourcequotas", labels={SPACE_LABEL: kopf.PRESENT})
def notice_usage(
    namespace: str | None,
    labels: kopf.Labels,
    memo: Any,  # noqa: ANN401 - kopf's memo
    **_: Any,  # noqa: ANN401 - what kopf hands over besides
) -> None:
    """Report the usage of a space, and try again what had no room before."""
    context: Context = memo.context
    trigger_space(context, labels[SPACE_LABEL], USAGE_SECONDS)
    try:
        wake_sessions(context, str(namespace), USAGE_SECONDS)
    except ClusterError:
        # Who was refused tries again by himself, only later.
        return
