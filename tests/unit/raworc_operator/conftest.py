"""The operator on a cluster in memory, one pass at a time."""

from dataclasses import dataclass

import pytest
from tests.support.sources import FakeSources
from tests.unit.raworc_operator.fakes import FakeCluster
from tests.unit.raworc_operator.samples import NOON, SETTINGS

from raworc_kube.objects import SESSION, SPACE, Key, Manifest
from raworc_operator.context import Context
from raworc_operator.sessions.reconcile import reconcile_session
from raworc_operator.spaces.reconcile import reconcile_space
from raworc_operator.workqueue import WorkQueue

INSIDE = "raworc-team"
TALK = Key(SESSION, "talk", INSIDE)
TEAM = Key(SPACE, "team")
DIGEST = "sha256:" + "d" * 64


@dataclass(frozen=True)
class Bed:
    """A context in memory, and handles on its parts."""

    cluster: FakeCluster
    sources: FakeSources
    context: Context

    def session(self) -> Manifest:
        """Make one pass over the session, and return its status."""
        reconcile_session(self.context, INSIDE, "talk")
        found: Manifest = self.cluster.objects[TALK]["status"]
        return found

    def space(self) -> Manifest:
        """Make one pass over the space, and return its status."""
        reconcile_space(self.context, "team")
        found: Manifest = self.cluster.objects[TEAM]["status"]
        return found

    def woken(self) -> set[str]:
        """Name the sessions that want a turn."""
        return {key.name for key in self.context.session_queue._due if isinstance(key, Key)}


@pytest.fixture
def bed() -> Bed:
    cluster, sources = FakeCluster(), FakeSources()
    queues = (WorkQueue("sessions", 0), WorkQueue("spaces", 0))
    context = Context(cluster, sources, SETTINGS, *queues, now=lambda: NOON)
    return Bed(cluster, sources, context)


def reasons(status: Manifest) -> dict[str, str]:
    return {condition["type"]: condition["reason"] for condition in status["conditions"]}
