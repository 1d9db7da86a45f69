"""A database outlives its cluster: the mirror with its threads on real API servers."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed
from tests.component.raworc_api.mirror_bed import NAMESPACE, Records, session_key, space_key
from tests.support.kubernetes import DEFINITIONS_PATH, MERGE, KubeApi, running_kube_api

from raworc_api.cluster import FIELD_MANAGER, ApiCluster
from raworc_api.core.database import Database
from raworc_api.core.wake import Bus
from raworc_api.messages.tables import MessageRecord
from raworc_api.mirror import absences
from raworc_api.mirror.absences import DECISION_ANNOTATION
from raworc_api.mirror.conditions import own_condition
from raworc_api.mirror.mirror import MIRROR_LEASE, Mirror
from raworc_kube.client import BRIEF
from raworc_kube.lease import Lease
from raworc_kube.objects import LEASE, SESSION, SPACE, Key

DEFINITIONS = ("agentsessions.raworc.dev", "spaces.raworc.dev")
FEW = ["a", "b", "c"]
MANY = [f"s{number:02}" for number in range(12)]

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def kube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeApi]:
    """Run an API server of our own, as definitions are deleted in it."""
    with running_kube_api(tmp_path_factory.mktemp("first")) as api:
        make_namespaces(api)
        yield api


@pytest.fixture
def cluster(kube: KubeApi) -> Iterator[ApiCluster]:
    """Return the cluster, and leave it empty."""
    cluster = connected(kube)
    yield cluster
    for kind in (SESSION, SPACE):
        for manifest in cluster.list_all(kind).items:
            metadata = manifest["metadata"]
            cluster.delete(Key(kind, metadata["name"], metadata.get("namespace")))


@pytest.fixture
def records(database: Database) -> Records:
    return Records(database)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absences, "_LOOK_SECONDS", 0.2)
    monkeypatch.setattr(absences, "_QUIET_SECONDS", 1.0)


def test_beside_a_new_cluster_the_mirror_makes_what_is_recorded(
    records: Records, cluster: ApiCluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with mirroring(records, cluster):
        fill(records, cluster, FEW)
    with running_kube_api(tmp_path_factory.mktemp("second")) as api:
        make_namespaces(api)
        another = connected(api)
        with mirroring(records, another):
            eventually(lambda: has(another, FEW) and another.find(space_key()) is not None)
            eventually(lambda: records.waiting() == [])
        for name in FEW:
            live = another.read(session_key(name))
            record = records.session(name)
            assert (record.uid, record.id) == (
                live["metadata"]["uid"],
                live["metadata"]["labels"]["raworc.dev/session-id"],
            )
    assert records.count(MessageRecord) == len(FEW)


def test_definitions_that_are_installed_anew_cost_no_message(
    records: Records, cluster: ApiCluster, kube: KubeApi
) -> None:
    with mirroring(records, cluster):
        fill(records, cluster, FEW)
        uids = {records.session(name).uid for name in FEW}
        for definition in DEFINITIONS:
            kube.ask("DELETE", f"{DEFINITIONS_PATH}/{definition}")
        eventually(lambda: kube.ask("GET", DEFINITIONS_PATH)["items"] == [])
        assert records.count(MessageRecord) == len(FEW)
        kube.install_definitions()
        eventually(lambda: has(cluster, FEW))
        eventually(lambda: not uids & {records.session(name).uid for name in FEW})
        eventually(lambda: records.waiting() == [] and None not in uids_of(records))
    assert records.count(MessageRecord) == len(FEW)


def test_what_was_deleted_one_by_one_while_the_api_was_away_goes(
    records: Records, cluster: ApiCluster
) -> None:
    with mirroring(records, cluster):
        fill(records, cluster, FEW)
    cluster.delete(session_key("a"))
    with mirroring(records, cluster):
        eventually(lambda: records.names() == {"b", "c"})
        cluster.delete(session_key("b"))
        eventually(lambda: records.names() == {"c"})
    assert records.count(MessageRecord) == 1


def test_many_that_are_missing_at_once_are_kept_until_somebody_decides(
    records: Records, cluster: ApiCluster, kube: KubeApi, caplog: pytest.LogCaptureFixture
) -> None:
    with mirroring(records, cluster):
        fill(records, cluster, MANY)
    for name in MANY[:11]:
        cluster.delete(session_key(name))
    with mirroring(records, cluster):
        eventually(lambda: own_condition(records.session(MANY[0]).conditions) is not None)
        assert records.count(MessageRecord) == len(MANY)
        cluster.delete(session_key(MANY[11]))
        eventually(lambda: records.names() == set(MANY[:11]))
        eventually(lambda: "recreate-" in caplog.text)
        decision = "recreate-" + caplog.text.partition("recreate-")[2][:8]
        body = {"metadata": {"annotations": {DECISION_ANNOTATION: decision}}}
        kube.ask("PATCH", f"{DEFINITIONS_PATH}/{DEFINITIONS[0]}", body, MERGE)
        eventually(lambda: has(cluster, MANY[:11]))
        eventually(lambda: records.waiting() == [])
    assert records.count(MessageRecord) == 11


def connected(api: KubeApi) -> ApiCluster:
    return ApiCluster(api.client(), FIELD_MANAGER, BRIEF)


def make_namespaces(api: KubeApi) -> None:
    for namespace in ("raworc-system", NAMESPACE):
        api.make_namespace(namespace)


@contextmanager
def mirroring(records: Records, cluster: ApiCluster) -> Iterator[None]:
    """Run the mirror of one replica."""
    key = Key(LEASE, MIRROR_LEASE, "raworc-system")
    lease = Lease(cluster, key, "test", lambda: datetime.now(UTC), time.monotonic)
    mirror = Mirror(cluster, records.database, Bus(), lease, "raworc-")
    mirror.start()
    try:
        yield
        assert mirror.is_well()
    finally:
        mirror.stop()


def fill(records: Records, cluster: ApiCluster, names: list[str]) -> None:
    """Make a space with sessions, each with a message, and wait until they are mirrored."""
    records.add_space()
    for name in names:
        records.add_session(name)
    eventually(lambda: has(cluster, names) and records.waiting() == [])


def has(cluster: ApiCluster, names: list[str]) -> bool:
    found = {manifest["metadata"]["name"] for manifest in cluster.list_all(SESSION).items}
    return set(names) <= found


def uids_of(records: Records) -> set[str | None]:
    return {records.session(name).uid for name in FEW}


@retry(
    retry=retry_if_result(lambda is_so: not is_so), stop=stop_after_delay(60), wait=wait_fixed(0.1)
)
def eventually(condition: Callable[[], bool]) -> bool:
    return condition()
