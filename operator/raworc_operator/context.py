"""What every reconcile is given: the cluster, the registry, the settings, and who wants a turn."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from raworc_kube.client import Cluster
from raworc_kube.objects import Manifest
from raworc_operator.events import event
from raworc_operator.settings import Settings
from raworc_operator.workqueue import WorkQueue
from raworc_sources.git import Git
from raworc_sources.registry import Registry


@dataclass(frozen=True, slots=True)
class Context:
    """Everything outside of a reconcile."""

    cluster: Cluster
    registry: Registry
    git: Git
    settings: Settings
    # Sessions do not wait for spaces, whose repositories may take their time.
    session_queue: WorkQueue
    space_queue: WorkQueue
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def tell(self, about: Manifest, reason: str, message: str, *, warning: bool = False) -> None:
        """Post an event about an object."""
        self.cluster.post_event(event(about, reason, message, self.now(), warning=warning))
