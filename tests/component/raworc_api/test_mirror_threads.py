"""The mirror with its threads, from hint to custom resource and back."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import Session
from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed
from tests.component.raworc_api.mirror_bed import MirrorBed, session_key, session_manifest

from raworc_api.core.database import Database
from raworc_api.messages.tables import MessageRecord
from raworc_api.mirror import mirror as mirrors
from raworc_api.mirror import outbox
from raworc_api.mirror.mirror import Mirror
from raworc_api.mirror.session_kind import SessionKind
from raworc_api.sessions.tables import SessionRecord
from raworc_kube import objects
from raworc_kube.errors import ClusterError
from raworc_kube.lease import Lease
from raworc_kube.objects import LEASE, Key, Manifest

MANY = ["m1", "m2", "m3", "m4", "m5", "m6"]

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


def test_a_replica_that_lost_the_lease_ends_its_term(bed: MirrorBed, start: Start) -> None:
    mirror = start("a")
    eventually(lambda: mirror._term is not None)
    taken = bed.cluster.read(KEY)
    bed.cluster.replace({**taken, "spec": {**taken["spec"], "holderIdentity": "b"}})
    eventually(lambda: mirror._term is None)
    assert bed.cluster.read(KEY)["spec"]["holderIdentity"] == "b"


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
    assert [verb for verb, name in bed.cluster.writes if name == "one"] == ["create"]
    assert second.is_well()


def test_an_object_that_nobody_can_handle_holds_no_other(
    bed: MirrorBed,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    take_status = SessionKind.take_status

    def break_on_bad(kind: SessionKind, db: Session, record: SessionRecord, *rest: Any) -> None:  # noqa: ANN401 - as they come
        if record.name == "bad":
            raise ZeroDivisionError
        take_status(kind, db, record, *rest)

    monkeypatch.setattr(SessionKind, "take_status", break_on_bad)
    mirror = start("a")
    bed.add_session("bad")
    for name in ("bad", *MANY):
        bed.cluster.apply(session_manifest(name, owner="ann"))
    bed.bus.publish(outbox.TOPIC)
    eventually(lambda: set(MANY) < bed.names())
    assert mirror.is_well()
    assert "AgentSession 'team/bad' was not mirrored" in caplog.text
    monkeypatch.undo()
    eventually(lambda: bed.waiting() == [] and bed.session("bad").cr_state is None)


def test_an_object_that_is_slow_to_answer_holds_no_other(
    bed: MirrorBed, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, is_over = bed.cluster.create, threading.Event()

    def wait_for_slow(manifest: Manifest) -> Manifest:
        if manifest["metadata"]["name"] == "slow":
            is_over.wait(10)
        return create(manifest)

    monkeypatch.setattr(bed.cluster, "create", wait_for_slow)
    mirror = start("a")
    for name in ("slow", *MANY):
        bed.add_session(name)
    bed.bus.publish(outbox.TOPIC)
    eventually(lambda: bed.names() == set(MANY))
    assert mirror.is_well()
    is_over.set()
    eventually(lambda: bed.names() == {"slow", *MANY})


def test_a_thread_that_hangs_is_seen(
    bed: MirrorBed, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirrors, "_STEP_SECONDS", 3.0)
    is_over = threading.Event()
    create = bed.cluster.create

    def hang(manifest: Manifest) -> Manifest:
        if manifest["metadata"]["name"] == "one":
            is_over.wait(10)
        return create(manifest)

    monkeypatch.setattr(bed.cluster, "create", hang)
    mirror = start("a")
    eventually(lambda: len(bed.cluster.writes) > 0)
    assert mirror.is_well()
    bed.add_session("one")
    bed.bus.publish(outbox.TOPIC)
    eventually(lambda: not mirror.is_well())
    is_over.set()
    eventually(mirror.is_well)


def test_definitions_that_are_installed_anew_cost_no_message(bed: MirrorBed, start: Start) -> None:
    start("a")
    for name in MANY:
        bed.add_session(name)
    bed.bus.publish(outbox.TOPIC)
    eventually(lambda: bed.names() == set(MANY) and bed.waiting() == [])
    bed.cluster.delete_definition(objects.SESSION)
    bed.cluster.forget_history()
    bed.cluster.install_definition(objects.SESSION)
    eventually(lambda: all(bed.cluster.has(session_key(name)) for name in MANY))
    eventually(lambda: bed.names() == set(MANY))
    assert bed.count(MessageRecord) == len(MANY)


def test_a_database_or_a_cluster_away_for_a_moment_costs_nothing_but_time(
    bed: MirrorBed, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    start("a")
    eventually(lambda: len(bed.cluster.writes) > 0)
    failures = iter([OperationalError("SELECT", {}, Exception("gone")), ClusterError("gone")])
    due = outbox.due

    def fail_first(db: Session, limit: int, *, are_reports: bool) -> object:
        for failure in failures:
            raise failure
        return due(db, limit, are_reports=are_reports)

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
