"""What every reconcile is given: the cluster, the registry, the settings, and the queues."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from raworc_kube.client import Cluster
from raworc_kube.errors import ClusterError
from raworc_kube.objects import Manifest
from raworc_operator.events import event
from raworc_operator.settings import Settings
from raworc_operator.workqueue import WorkQueue
from raworc_sources.git import Git
from raworc_sources.registry import Registry

_logger = logging.getLogger(__name__)


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
        """Post an event about an object; a cluster that takes none is no failure."""
        try:
            self.cluster.create(event(about, reason, message, self.now(), warning=warning))
        except ClusterError as error:
            _logger.info("An event was not recorded: %s", error)
