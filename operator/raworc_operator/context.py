"""What every reconcile is given: the cluster, the sources, the settings, and the queues."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from raworc_kube.client import Cluster
from raworc_kube.errors import ClusterError
from raworc_kube.objects import SESSION, SPACE, Key, Manifest
from raworc_operator.builds.sources import Sources
from raworc_operator.events import event
from raworc_operator.settings import Settings
from raworc_operator.waiting import WaitingLines
from raworc_operator.workqueue import WorkQueue

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Context:
    """Everything outside of a reconcile."""

    cluster: Cluster
    sources: Sources
    settings: Settings
    # Sessions do not wait for spaces, whose repositories may take their time.
    session_queue: WorkQueue
    space_queue: WorkQueue
    # Sessions that wait for room in the quota of their space.
    waiting: WaitingLines = field(default_factory=WaitingLines)
    # Spaces whose image a node could not pull; whoever acts on it asks the registry.
    doubted_images: set[str] = field(default_factory=set)
    # Nodes that seemed lost when they were last seen; whoever acts on it reads the node again.
    lost_nodes: set[str] = field(default_factory=set)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def trigger_session(self, namespace: str, name: str, seconds: float = 0) -> None:
        """Reconcile a session soon, in another thread."""
        self.session_queue.add(Key(SESSION, name, namespace), seconds)

    def trigger_space(self, name: str, seconds: float = 0) -> None:
        """Reconcile a space soon, in another thread."""
        self.space_queue.add(Key(SPACE, name), seconds)

    def doubt_image(self, space: str) -> None:
        """Ask the registry soon whether it still has the image of a space."""
        self.doubted_images.add(space)
        self.trigger_space(space)

    def trigger_waiting(self, namespace: str, seconds: float = 0) -> None:
        """Try the session that has waited longest for room in the quota of its space."""
        first = self.waiting.first(namespace)
        if first is not None:
            self.trigger_session(namespace, first, seconds)

    def tell(self, about: Manifest, reason: str, message: str, *, warning: bool = False) -> None:
        """Post an event about an object; a cluster that takes none is no failure."""
        try:
            self.cluster.create(event(about, reason, message, self.now(), warning=warning))
        except ClusterError as error:
            _logger.info("An event was not recorded: %s", error)
