"""The mirror with its threads, from hint to custom resource and back."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import Session
from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed
from tests.component.raworc_api.mirror_bed import MirrorBed, session_key, session_manifest

from raworc_api.core.database import Database
from raworc_api.mirror import outbox
from raworc_api.mirror.mirror import Mirror
from raworc_kube.errors import ClusterError
from raworc_kube.lease import Lease
from raworc_kube.objects import LEASE, Key

Start = Callable[[str], Mirror]


@pytest.fixture
def bed(database: Database) -> MirrorBed:
    return MirrorBed(database)


KEY = Key(LEASE, "raworc-mirror", "raworc-system")


@pytest.fixture
def start(bed: MirrorBed) -> Iterator[Start]:
    """Start the mirror of one replica or more; all of them are stopped after the test."""
    mirrors: list[Mirror] = []

    def start(name: str) -> Mirror:
        lease = Lease(bed.cluster, KEY, name, lambda: datetime.now(UTC), time.monotonic)
        mirror = Mirror(bed.cluster, bed.database, bed.bus, lease, "raworc-")
        mirrors.append(mirror)
        mirror.start()
        return mirror

    yield start
    bed.cluster.close()
    for mirror in mirrors:
        mirror.stop()


def test_both_doors_show_what_the_other_did(bed: MirrorBed, start: Start) -> None:
    start("a")
    bed.add_session("mine")
    bed.bus.publish(outbox.TOPIC)
    eventually(lambda: bed.cluster.has(session_key("mine")))
    bed.cluster.create(session_manifest("theirs"))
    eventually(lambda: bed.names() == {"mine", "theirs"})
    bed.cluster.delete(session_key("mine"))
    eventually(lambda: bed.names() == {"theirs"})


def test_a_watch_too_old_begins_anew_with_a_list(bed: MirrorBed, start: Start) -> None:
    start("a")
    bed.cluster.create(session_manifest("one"))
    eventually(lambda: bed.names() == {"one"})
    with bed.cluster._changed:
        bed.cluster.create(session_manifest("two"))
        bed.cluster.delete(session_key("one"))
        bed.cluster.forget_history()
        bed.cluster._changed.notify_all()
    eventually(lambda: bed.names() == {"two"})


def test_another_replica_takes_over_at_once_and_finds_what_happened_between(
    bed: MirrorBed, start: Start
) -> None:
    first = start("a")
    bed.add_session("one")
    bed.add_session("two")
    bed.bus.publish(outbox.TOPIC)
    eventually(lambda: bed.waiting() == [])
    first.stop()
    bed.cluster.delete(session_key("one"))
    bed.cluster.change_spec(session_key("two"), closed=True)
    start("b")
    eventually(lambda: bed.names() == {"two"} and bed.session("two").closed)


def test_a_replica_that_stands_by_does_nothing(bed: MirrorBed, start: Start) -> None:
    start("a")
    eventually(lambda: len(bed.cluster.writes) > 0)
    second = start("b")
    bed.add_session()
    bed.bus.publish(outbox.TOPIC)
    eventually(lambda: bed.waiting() == [])
    assert [verb for verb, name in bed.cluster.writes if name == "one"] == ["apply"]
    assert second.is_alive()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_broke_gives_the_lease_to_another(
    bed: MirrorBed, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    start("a")
    bed.add_session()
    with monkeypatch.context() as patched:
        patched.setattr(outbox, "due", lambda _: 1 / 0)
        bed.bus.publish(outbox.TOPIC)
        eventually(lambda: bed.bus.heard.count("mirror") == 1)
    start("b")
    eventually(lambda: bed.waiting() == [])


def test_a_database_or_a_cluster_away_for_a_moment_costs_nothing_but_time(
    bed: MirrorBed, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    start("a")
    eventually(lambda: len(bed.cluster.writes) > 0)
    failures = iter([OperationalError("SELECT", {}, Exception("gone")), ClusterError("gone")])
    due = outbox.due

    def fail_first(db: Session) -> object:
        for failure in failures:
            raise failure
        return due(db)

    monkeypatch.setattr(outbox, "due", fail_first)
    bed.add_session()
    bed.cluster.create(session_manifest("theirs"))
    bed.bus.publish(outbox.TOPIC)
    eventually(lambda: bed.names() == {"one", "theirs"} and bed.waiting() == [])


@retry(
    retry=retry_if_result(lambda is_so: not is_so), stop=stop_after_delay(10), wait=wait_fixed(0.01)
)
def eventually(condition: Callable[[], bool]) -> bool:
    return condition()
