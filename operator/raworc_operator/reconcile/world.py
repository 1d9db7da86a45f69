"""What every reconcile is given: the cluster, the registry, the settings, and who wants a turn."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from raworc_operator.builders.event import event
from raworc_operator.cluster import Cluster
from raworc_operator.objects import Manifest
from raworc_operator.registry import Registry
from raworc_operator.settings import Settings
from raworc_operator.sources.git import Git
from raworc_operator.turns import Turns


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside of a reconcile."""

    cluster: Cluster
    registry: Registry
    git: Git
    settings: Settings
    # Sessions do not wait for spaces, whose repositories may take their time.
    session_turns: Turns
    space_turns: Turns
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def tell(self, about: Manifest, reason: str, message: str, *, warning: bool = False) -> None:
        """Post an event about an object."""
        self.cluster.post_event(event(about, reason, message, self.now(), warning=warning))
