"""From records to custom resources, on a real database."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select
from tests.component.raworc_api.mirror_bed import (
    NAMESPACE,
    SPACE,
    MirrorBed,
    session_key,
    session_manifest,
    space_key,
    space_manifest,
)
from tests.support.statements import counted

from raworc_api.core.database import Database
from raworc_api.core.wake import session_topic
from raworc_api.messages.tables import MessageRecord
from raworc_api.mirror import outbox
from raworc_api.mirror.outbox import RecordKey
from raworc_api.mirror.session_kind import SessionKind
from raworc_api.mirror.tables import OutboxRow
from raworc_api.sessions.tables import SessionRecord
from raworc_kube.errors import ClusterError, ForbiddenObjectError, InvalidObjectError
from raworc_kube.objects import SESSION, Key, Manifest

ONE = RecordKey(SESSION.name, SPACE, "one")


@pytest.fixture
def bed(database: Database) -> MirrorBed:
    return MirrorBed(database)


def test_a_new_session_is_applied_with_its_id(bed: MirrorBed) -> None:
    session_id = bed.add_session(agent="echo")
    bed.export()
    live = bed.cluster.read(session_key())
    assert live["spec"] == {"space": SPACE, "closed": False, "agent": "echo"}
    assert live["metadata"]["labels"] == {"raworc.dev/session-id": session_id}
    record = bed.session()
    assert (record.uid, record.generation) == (live["metadata"]["uid"], 1)
    assert bed.waiting() == []


def test_what_does_not_differ_is_not_written(bed: MirrorBed) -> None:
    bed.add_session()
    bed.export()
    bed.change_session()
    bed.export()
    assert bed.cluster.writes == [("create", "one")]
    assert bed.waiting() == []


def test_a_host_report_changes_its_part_of_the_status_and_nothing_else(bed: MirrorBed) -> None:
    bed.add_session()
    bed.settle()
    before = bed.cluster.set_status(session_key(), state="init", restarts=2)
    bed.change_session(host_pod_uid="pod-1", host_state="busy")
    bed.export()
    live = bed.cluster.read(session_key())
    host = {"podUid": "pod-1", "state": "busy"}
    assert live["status"] == {"state": "init", "restarts": 2, "host": host}
    assert (live["spec"], live["metadata"]["generation"]) == (before["spec"], 1)
    bed.change_session(host_pod_uid=None, host_state=None)
    bed.export()
    assert bed.cluster.read(session_key())["status"] == before["status"]


@pytest.mark.parametrize(
    ("known", "host", "state"),
    [
        ({"state": "idle", "host": {"podUid": "pod-1", "state": "idle"}}, "busy", "busy"),
        ({"state": "busy", "host": {"podUid": "pod-1", "state": "busy"}}, "idle", "idle"),
        # The operator decides these: it sees the pod, too.
        ({"state": "errored", "host": {"podUid": "pod-1", "state": "idle"}}, "busy", "errored"),
        ({"state": "idle", "host": {"podUid": "pod-0", "state": "idle"}}, "busy", "idle"),
        ({"state": "idle"}, "busy", "idle"),
        ({}, "idle", None),
    ],
)
def test_between_idle_and_busy_the_state_follows_in_the_same_write(
    bed: MirrorBed, known: dict[str, object], host: str, state: str | None
) -> None:
    bed.add_session()
    bed.settle()
    bed.cluster.set_status(session_key(), **known)
    bed.hear()
    bed.cluster.writes.clear()
    bed.change_session(host_pod_uid="pod-1", host_state=host)
    bed.export()
    status = bed.cluster.read(session_key())["status"]
    assert status["host"] == {"podUid": "pod-1", "state": host}
    assert status.get("state") == state
    assert bed.cluster.writes == [("status", "one")]


def test_a_silent_host_is_reported_and_the_state_left_to_the_operator(bed: MirrorBed) -> None:
    bed.add_session()
    bed.settle()
    known = {"state": "idle", "host": {"podUid": "pod-1", "state": "idle"}}
    bed.cluster.set_status(session_key(), **known)
    bed.change_session(host_pod_uid="pod-1", host_state="idle", host_silent=True)
    bed.export()
    silent = {"state": "idle", "host": {"podUid": "pod-1", "state": "silent"}}
    assert bed.cluster.read(session_key())["status"] == silent


def test_a_report_that_the_cluster_lacks_is_made_again(bed: MirrorBed) -> None:
    bed.add_session()
    bed.settle()
    with bed.database() as db:
        session = db.exec(select(SessionRecord)).one()
        session.host_pod_uid, session.host_state = "pod-1", "idle"
        db.commit()
    bed.cluster.pods[NAMESPACE, "one"] = "pod-1"
    # The version before wrote it elsewhere; the next leader lists all objects.
    bed.restart()
    bed.hear()
    assert bed.waiting() == [ONE]
    bed.exporter.export(ONE)
    assert bed.cluster.read(session_key())["status"]["host"]["podUid"] == "pod-1"
    bed.hear()
    assert bed.waiting() == []


def test_the_annotation_of_the_version_before_goes_with_the_next_change(bed: MirrorBed) -> None:
    bed.add_session()
    bed.settle()
    bed.cluster.merge(
        session_key(), {"metadata": {"annotations": {"raworc.dev/host": "pod-1/busy"}}}
    )
    bed.change_session(spec={"closed": True})
    bed.export()
    assert "raworc.dev/host" not in bed.cluster.read(session_key())["metadata"]["annotations"]


def test_a_session_waits_for_the_namespace_of_its_space(bed: MirrorBed) -> None:
    bed.cluster.namespaces.clear()
    bed.add_space()
    bed.add_session()
    bed.settle()
    assert bed.waiting() == [ONE]
    bed.cluster.namespaces.add(NAMESPACE)
    bed.export()
    assert bed.waiting() == [ONE]  # its next try is not due yet
    bed.cluster.set_status(space_key(), namespace=NAMESPACE)
    bed.bus.heard.clear()
    bed.hear()
    assert outbox.TOPIC in bed.bus.heard
    bed.export()
    assert bed.cluster.has(session_key())
    assert bed.waiting() == []


def test_back_off_starts_small_grows_and_ends_at_half_a_minute(
    bed: MirrorBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed.cluster.failures["one"] = ClusterError("etcd is on fire")
    bed.add_session()
    waits: list[float] = []
    postpone = outbox.postpone

    def postponed(db: Session, row: OutboxRow, seconds: float) -> None:
        waits.append(seconds)
        postpone(db, row, seconds)

    monkeypatch.setattr(outbox, "postpone", postponed)
    for _ in range(10):
        bed.exporter.export(ONE)
    assert waits[0] <= 0.1
    assert all(earlier < later for earlier, later in pairwise(waits[:9]))
    assert waits[-1] == 30.0
    assert bed.session().conditions[0]["reason"] == "NotApplied"
    assert "etcd is on fire" in bed.session().conditions[0]["message"]
    bed.cluster.failures.clear()
    bed.change_session()
    bed.export()
    assert bed.session().conditions == []


def test_what_the_cluster_refuses_is_said_and_not_tried_again(bed: MirrorBed) -> None:
    bed.cluster.failures["one"] = InvalidObjectError("`agent` must be a name")
    session_id = bed.add_session()
    bed.export()
    assert bed.waiting() == []
    (condition,) = bed.session().conditions
    assert (condition["type"], condition["status"]) == ("Mirrored", "False")
    assert (condition["reason"], condition["message"]) == ("Refused", "`agent` must be a name")
    assert session_topic(session_id) in bed.bus.heard


def test_a_quota_is_said_and_tried_again(bed: MirrorBed) -> None:
    bed.cluster.failures["one"] = ForbiddenObjectError("exceeded quota")
    bed.add_session()
    bed.export()
    revision = bed.session().revision
    assert bed.session().conditions[0]["reason"] == "Forbidden"
    bed.exporter.export(ONE)
    assert bed.session().revision == revision  # the same again is nothing new
    assert bed.waiting() == [ONE]


def test_a_refused_space_says_so_in_its_status(bed: MirrorBed) -> None:
    bed.cluster.failures[SPACE] = InvalidObjectError("too long")
    bed.add_space()
    bed.export()
    status = bed.space().status
    assert status is not None
    assert status["conditions"][0]["message"] == "too long"


def test_an_agent_that_rest_removes_is_gone_though_kubectl_wrote_it(bed: MirrorBed) -> None:
    agents = [{"name": "a", "repo": "o/a"}, {"name": "b", "repo": "o/b"}]
    bed.cluster.create(space_manifest(agents=agents))
    bed.hear()
    bed.change_space(agents=agents[1:])
    bed.export()
    assert bed.cluster.read(space_key())["spec"] == {"agents": agents[1:]}


def test_what_rest_and_kubectl_change_at_once_is_merged(bed: MirrorBed) -> None:
    bed.add_session()
    bed.settle()
    bed.cluster.change_spec(session_key(), agent="echo", metadata={"team": "red"})
    bed.change_session(spec={"closed": True})
    bed.export()
    live = bed.cluster.read(session_key())
    assert live["spec"]["closed"] is True
    assert live["spec"]["agent"] == "echo"
    record = bed.session()
    assert record.spec == live["spec"]
    assert record.agent == "echo"
    assert record.generation == live["metadata"]["generation"]


def test_a_change_during_an_apply_is_not_lost(
    bed: MirrorBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed.add_session()
    create = bed.cluster.create

    def create_and_change(manifest: Manifest) -> Manifest:
        live = create(manifest)
        bed.cluster.change_spec(session_key(), agent="echo")
        bed.change_session(spec={"closed": True})
        return live

    with monkeypatch.context() as patched:
        patched.setattr(bed.cluster, "create", create_and_change)
        bed.exporter.export(ONE)
    assert bed.waiting() == [ONE]
    bed.settle()
    spec = {"space": SPACE, "closed": True, "agent": "echo"}
    assert bed.cluster.read(session_key())["spec"] == spec
    assert bed.session().spec == spec
    assert bed.waiting() == []


def test_killed_between_apply_and_commit_it_carries_on(bed: MirrorBed) -> None:
    session_id = bed.add_session()
    labels = {"raworc.dev/session-id": session_id}
    manifest = session_manifest(closed=False)
    manifest["metadata"]["labels"] = labels
    bed.cluster.apply(manifest)
    bed.restart()
    bed.settle()
    assert bed.session().id == session_id
    assert bed.session().uid == bed.cluster.read(session_key())["metadata"]["uid"]
    assert bed.count(SessionRecord) == 1
    assert bed.waiting() == []


def test_a_deleted_session_goes_with_its_messages_once_the_cluster_let_it_go(
    bed: MirrorBed,
) -> None:
    session_id = bed.add_session()
    bed.settle()
    bed.cluster._objects[session_key()]["metadata"]["finalizers"] = ["some.one/else"]
    bed.change_session(deleting=True)
    bed.settle()
    assert bed.session().deleting
    # It is looked at again later.
    assert bed.waiting() == [ONE]
    bed.cluster.finish(session_key())
    bed.bus.heard.clear()
    bed.hear()
    assert bed.count(SessionRecord) == bed.count(MessageRecord) == 0
    assert bed.bus.heard == [session_topic(session_id)]


def test_one_wish_waits_for_no_batch_of_another_space(bed: MirrorBed) -> None:
    for number in range(80):
        bed.add_session(f"many-{number:02}")
    bed.reader.read()
    with bed.database() as db:
        outbox.request(db, SESSION.name, "other", "one")
        db.commit()
    bed.reader.read()
    taken = [bed.queue.take(0) for _ in range(2)]
    assert ("other", "one") in [(task.key.space, task.key.name) for task in taken if task]


def test_an_object_that_takes_its_time_to_go_is_deleted_once(bed: MirrorBed) -> None:
    bed.add_session()
    bed.settle()
    bed.cluster._objects[session_key()]["metadata"]["finalizers"] = ["some.one/else"]
    bed.change_session(deleting=True)
    bed.settle()
    bed.cluster.writes.clear()
    with bed.database() as db:
        # As when the status of its space changes, which a space being deleted does all the time.
        outbox.hurry(db, SESSION.name, SPACE)
        db.commit()
    bed.settle()
    assert bed.cluster.writes == []


def test_a_deletion_of_which_nobody_heard_the_end_is_ended_all_the_same(bed: MirrorBed) -> None:
    bed.add_session()
    bed.settle()
    bed.change_session(deleting=True)
    bed.export()
    # The process ends before it hears that the object is gone, and the next one lists none.
    bed.restart()
    bed.hear()
    bed.exporter.export(ONE)
    assert bed.count(SessionRecord) == bed.count(MessageRecord) == 0
    assert bed.waiting() == []


def test_many_messages_go_in_parts_and_nobody_sees_the_rest(
    bed: MirrorBed, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("raworc_api.mirror.session_kind._MESSAGES", 100)
    bed.add_session()
    bed.settle()
    bed.add_messages(1234)
    bed.cluster.delete(session_key())
    seen: list[tuple[int, bool]] = []
    kind_forget = SessionKind.forget

    def forget(kind: SessionKind, db: Session, record: SessionRecord) -> bool:
        seen.append((bed.count(MessageRecord), bed.session().deleting))
        return kind_forget(kind, db, record)

    monkeypatch.setattr(SessionKind, "forget", forget)
    with counted(engine) as statements:
        bed.hear()
    assert bed.count(SessionRecord) == bed.count(MessageRecord) == 0
    assert bed.waiting() == []
    assert seen == [(1235 - 100 * part, part > 0) for part in range(13)]
    assert len(statements.with_text("DELETE FROM messages", "LIMIT")) == 13


def test_messages_of_which_a_part_is_gone_go_after_a_break_as_well(
    bed: MirrorBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("raworc_api.mirror.session_kind._MESSAGES", 100)
    bed.add_session()
    bed.settle()
    bed.add_messages(500)
    bed.cluster.delete(session_key())
    kind_forget, parts = SessionKind.forget, iter(range(3))

    def forget(kind: SessionKind, db: Session, record: SessionRecord) -> bool:
        if next(parts, None) is None:
            raise KeyboardInterrupt
        return kind_forget(kind, db, record)

    monkeypatch.setattr(SessionKind, "forget", forget)
    with pytest.raises(KeyboardInterrupt):
        bed.hear()
    monkeypatch.undo()
    assert bed.count(MessageRecord) == 201
    bed.restart()
    bed.settle()
    assert bed.count(SessionRecord) == bed.count(MessageRecord) == 0


def test_a_session_deleted_before_it_was_applied_goes_at_once(bed: MirrorBed) -> None:
    bed.add_session()
    bed.change_session(deleting=True)
    bed.export()
    assert bed.count(SessionRecord) == 0
    assert bed.waiting() == []


def test_a_delete_spares_another_object_of_the_same_name(bed: MirrorBed) -> None:
    bed.add_session()
    bed.settle()
    bed.cluster.delete(session_key())
    bed.cluster.create(session_manifest(agent="other"))
    bed.change_session(deleting=True)
    bed.settle()
    assert bed.cluster.has(session_key())
    assert bed.session().agent == "other"
    assert bed.session().created_by == "kubectl"


def test_a_delete_before_the_creation_spares_what_kubectl_made(bed: MirrorBed) -> None:
    bed.add_session()
    bed.change_session(deleting=True)
    live = bed.cluster.create(session_manifest(owner="carol"))
    bed.export()
    assert bed.cluster.has(session_key())
    assert (bed.session().uid, bed.session().created_by) == (live["metadata"]["uid"], "carol")
    assert bed.count(MessageRecord) == 0


def test_a_delete_before_the_creation_spares_the_space_that_kubectl_made(bed: MirrorBed) -> None:
    bed.add_space(description="ours")
    bed.change_space(deleting=True)
    bed.cluster.create(space_manifest(description="theirs"))
    bed.export()
    assert "deletionTimestamp" not in bed.cluster.read(space_key())["metadata"]
    assert (bed.space().description, bed.space().deleting) == ("theirs", False)


def test_a_delete_finds_what_a_killed_mirror_made(bed: MirrorBed) -> None:
    manifest = session_manifest()
    manifest["metadata"]["labels"] = {"raworc.dev/session-id": bed.add_session()}
    bed.cluster.create(manifest)
    bed.change_session(deleting=True)
    bed.settle()
    assert not bed.cluster.has(session_key())
    assert bed.count(SessionRecord) == 0


@pytest.mark.parametrize("label", [None, "0b7a6f1e-5d0c-4b8e-9a53-3f1f6d1c2e4a"])
def test_a_session_takes_no_object_of_somebody_else(bed: MirrorBed, label: str | None) -> None:
    theirs = session_manifest(owner="carol")
    if label is not None:
        theirs["metadata"]["labels"] = {"raworc.dev/session-id": label}
    bed.cluster.create(theirs)
    session_id = bed.add_session(owner="ann")
    bed.settle()
    assert bed.cluster.read(session_key())["spec"]["owner"] == "carol"
    assert (bed.session().id, bed.session().uid) == (session_id, None)
    assert bed.session().conditions[0]["reason"] == "NameTaken"
    assert bed.waiting() == [ONE]


def test_a_session_is_made_once_its_name_is_free(bed: MirrorBed) -> None:
    bed.cluster.create(session_manifest(owner="carol"))
    session_id = bed.add_session(owner="ann")
    bed.settle()
    bed.cluster.delete(session_key())
    bed.exporter.export(ONE)  # as it is tried again, later and later
    live = bed.cluster.read(session_key())
    assert live["metadata"]["labels"] == {"raworc.dev/session-id": session_id}
    assert (bed.session().uid, bed.session().conditions) == (live["metadata"]["uid"], [])


def test_a_change_does_not_bring_back_what_kubectl_deleted(bed: MirrorBed) -> None:
    bed.add_session()
    bed.settle()
    bed.cluster.delete(session_key())
    bed.change_session(spec={"closed": True})
    bed.settle()
    assert not bed.cluster.has(session_key())
    assert bed.count(SessionRecord) == 0
    assert bed.waiting() == []


def test_two_requests_leave_one_row_with_the_earlier_time(bed: MirrorBed) -> None:
    for delay in (5, 0, 9):
        with bed.database() as db:
            outbox.request(db, *ONE, delay)
            db.commit()
    assert bed.waiting() == [ONE]
    with bed.database() as db:
        assert outbox.due(db, 9, are_reports=False) == [ONE]
        row = db.exec(select(OutboxRow)).one()
        assert abs(row.available_at - datetime.now(UTC)).total_seconds() < 60


def test_kubectl_between_our_look_and_our_patch_is_not_overwritten(
    bed: MirrorBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed.add_session(agent="echo")
    bed.settle()
    bed.change_session(spec={"closed": True})
    read = bed.cluster.read

    def read_and_change(key: Key) -> Manifest:
        live = read(key)
        monkeypatch.undo()
        bed.cluster.change_spec(key, closed=False, agent=None, metadata={"team": "red"})
        return live

    monkeypatch.setattr(bed.cluster, "read", read_and_change)
    bed.export()
    spec = {"space": SPACE, "closed": True, "metadata": {"team": "red"}}
    assert bed.cluster.read(session_key())["spec"] == bed.session().spec == spec
    assert bed.waiting() == []


def test_what_kubectl_made_first_survives_two_changes_of_ours(
    bed: MirrorBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed.cluster.create(session_manifest(agent="echo", owner="ann"))
    bed.add_session(owner="ann")
    merge = bed.cluster.merge

    def merge_and_change(key: Key, patch: Manifest) -> Manifest:
        live = merge(key, patch)
        monkeypatch.undo()
        bed.change_session(spec={"closed": True})
        return live

    monkeypatch.setattr(bed.cluster, "merge", merge_and_change)
    bed.export()
    spec = {"space": SPACE, "closed": True, "agent": "echo", "owner": "ann"}
    assert bed.cluster.read(session_key())["spec"] == bed.session().spec == spec


def test_an_agent_that_kubectl_adds_between_our_look_and_our_patch_stays(
    bed: MirrorBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = ({"name": name, "repo": f"o/{name}"} for name in "abc")
    bed.add_space(agents=[first])
    bed.settle()
    bed.change_space(agents=[first, second])
    read = bed.cluster.read

    def read_and_change(key: Key) -> Manifest:
        live = read(key)
        monkeypatch.undo()
        bed.cluster.change_spec(key, agents=[first, third])
        return live

    monkeypatch.setattr(bed.cluster, "read", read_and_change)
    bed.export()
    agents = bed.cluster.read(space_key())["spec"]["agents"]
    assert agents == [first, second, third]
    assert bed.space().spec["agents"] == agents


def test_who_comes_late_forgets_no_other_object(bed: MirrorBed) -> None:
    bed.add_session()
    bed.settle()
    bed.exporter.forget(SessionKind("raworc-"), ONE, "an earlier uid")
    assert bed.count(SessionRecord) == 1
