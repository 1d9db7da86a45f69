"""From custom resources to records, on a real database."""

from uuid import uuid4

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import select
from tests.component.raworc_api.mirror_bed import (
    NAMESPACE,
    SPACE,
    MirrorBed,
    session_key,
    session_manifest,
    space_key,
    space_manifest,
)

from raworc_api.accounts.tables import RoleBinding
from raworc_api.builds.tables import BuildRecord
from raworc_api.core.database import Database
from raworc_api.core.wake import session_topic
from raworc_api.messages.tables import MessageRecord
from raworc_api.mirror import outbox
from raworc_api.mirror.session_kind import SessionKind
from raworc_api.sessions.tables import SessionRecord
from raworc_api.spaces.tables import SpaceRecord
from raworc_kube.errors import ClusterError, InvalidObjectError
from raworc_kube.objects import SESSION

READY = {"type": "PodReady", "status": "True", "reason": "PodRunning"}


@pytest.fixture
def bed(database: Database) -> MirrorBed:
    return MirrorBed(database)


def test_a_space_and_a_session_of_kubectl_appear(bed: MirrorBed) -> None:
    bed.cluster.create(space_manifest(description="Ours"))
    live = bed.cluster.create(session_manifest(agent="echo", closed=True))
    bed.hear()
    assert bed.space().description == "Ours"
    assert bed.space().version == 1
    session = bed.session()
    assert session.id == session.uid == live["metadata"]["uid"]
    assert (session.agent, session.closed, session.created_by) == ("echo", True, "kubectl")
    assert bed.waiting() == []
    bed.export()
    assert [verb for verb, _ in bed.cluster.writes] == ["create", "create"]  # and none of ours


def test_the_owner_of_a_session_of_kubectl_is_its_creator(bed: MirrorBed) -> None:
    bed.cluster.create(session_manifest(owner="ann"))
    bed.hear()
    assert bed.session().created_by == "ann"


def test_a_copied_id_is_not_taken_twice(bed: MirrorBed) -> None:
    session_id = bed.add_session()
    bed.settle()
    copy = session_manifest("two")
    copy["metadata"]["labels"] = {"raworc.dev/session-id": session_id}
    live = bed.cluster.create(copy)
    bed.settle()
    uid = live["metadata"]["uid"]
    assert bed.session("two").id == uid
    labels = bed.cluster.read(session_key("two"))["metadata"]["labels"]
    assert labels == {"raworc.dev/session-id": uid}


def test_an_id_comes_back_with_its_object(bed: MirrorBed) -> None:
    manifest = session_manifest()
    session_id = str(uuid4())
    manifest["metadata"]["labels"] = {"raworc.dev/session-id": session_id}
    bed.cluster.create(manifest)
    bed.hear()
    assert bed.session().id == session_id
    assert bed.waiting() == []


def test_a_session_outside_its_spaces_namespace_is_nobodys(bed: MirrorBed) -> None:
    manifest = session_manifest()
    manifest["spec"]["space"] = "another"
    bed.cluster.create(manifest)
    bed.hear()
    assert bed.count(SessionRecord) == 0


def test_status_reaches_the_record_and_wakes_who_waits(bed: MirrorBed) -> None:
    session_id = bed.add_session()
    bed.settle()
    revision = bed.session().revision
    bed.bus.heard.clear()
    bed.cluster.set_status(session_key(), state="idle", podName="one", conditions=[READY])
    bed.hear()
    record = bed.session()
    assert (record.cr_state, record.conditions) == ("idle", [READY])
    assert record.revision == revision + 1
    assert bed.bus.heard == [session_topic(session_id)]
    bed.tell(SESSION, bed.cluster.read(session_key()))
    assert bed.session().revision == revision + 1
    assert bed.bus.heard == [session_topic(session_id)]


def test_a_flip_by_kubectl_reaches_the_record_and_wakes_who_waits(bed: MirrorBed) -> None:
    session_id = bed.add_session()
    bed.settle()
    bed.bus.heard.clear()
    bed.cluster.change_spec(session_key(), closed=True)
    bed.hear()
    assert bed.session().closed
    assert bed.session().spec["closed"] is True
    assert bed.bus.heard == [session_topic(session_id)]
    assert bed.waiting() == []


def test_an_event_from_before_our_apply_changes_no_spec(bed: MirrorBed) -> None:
    bed.add_session()
    bed.settle()
    before = bed.cluster.read(session_key())
    bed.change_session(spec={"closed": True})
    bed.export()
    bed.tell(SESSION, before)
    assert bed.session().closed
    bed.hear()
    assert bed.session().closed
    assert bed.session().generation == 2


def test_an_event_meets_a_change_of_ours_that_waits(bed: MirrorBed) -> None:
    bed.add_session()
    bed.settle()
    bed.cluster.change_spec(session_key(), closed=True, agent="theirs")
    bed.change_session(spec={"agent": "ours"})
    bed.hear()  # applies ours first, though nobody looked at the outbox
    spec = {"space": SPACE, "closed": True, "agent": "ours"}
    assert bed.cluster.read(session_key())["spec"] == spec
    assert bed.session().spec == spec
    assert bed.waiting() == []


def test_a_delete_by_kubectl_removes_the_row_and_its_messages(bed: MirrorBed) -> None:
    bed.add_session()
    bed.settle()
    bed.cluster.delete(session_key())
    bed.hear()
    assert bed.count(SessionRecord) == bed.count(MessageRecord) == 0


def test_a_delete_by_kubectl_shows_while_it_takes_its_time(bed: MirrorBed) -> None:
    bed.cluster.create(space_manifest())
    bed.hear()
    bed.cluster.delete(space_key())
    bed.hear()
    assert bed.space().deleting
    bed.cluster.finish(space_key())
    bed.hear()
    assert bed.count(SpaceRecord) == 0


def test_what_vanished_while_nobody_watched_is_found_by_the_list(bed: MirrorBed) -> None:
    bed.add_session("one")
    bed.add_session("two")
    bed.settle()
    bed.cluster.delete(session_key("one"))
    bed.cluster.change_spec(session_key("two"), closed=True)
    bed.restart()
    bed.settle()
    assert bed.count(SessionRecord) == 1
    assert bed.session("two").closed


def test_an_object_made_after_the_list_is_not_taken_for_vanished(bed: MirrorBed) -> None:
    bed.restart()
    bed.add_session()
    bed.export()
    bed.hear()
    assert bed.session().uid is not None


def test_a_new_object_of_an_old_name_is_a_new_session(bed: MirrorBed) -> None:
    first = bed.add_session()
    bed.settle()
    bed.cluster.delete(session_key())
    live = bed.cluster.create(session_manifest())
    bed.hear()  # the inbox keeps the last word only: the deletion is never heard of
    assert bed.session().id == live["metadata"]["uid"] != first
    assert bed.count(MessageRecord) == 0


def test_a_late_word_on_an_old_object_leaves_the_new_one_alone(bed: MirrorBed) -> None:
    bed.add_session()
    bed.settle()
    old = bed.cluster.read(session_key())
    bed.cluster.delete(session_key())
    bed.hear()
    new = bed.add_session()
    bed.settle()
    bed.tell(SESSION, old)
    bed.tell(SESSION, old, is_deleted=True)
    assert bed.session().id == new


def test_a_refused_session_is_adopted_when_its_owner_makes_it(bed: MirrorBed) -> None:
    session_id = bed.add_session()
    with bed.database() as db:
        outbox.drop(db, outbox.RecordKey(SESSION.name, SPACE, "one"))
        db.commit()
    live = bed.cluster.create(session_manifest(agent="good", owner="ann"))
    bed.hear()
    record = bed.session()
    assert (record.id, record.uid) == (session_id, live["metadata"]["uid"])
    assert record.agent == "good"


def test_a_refused_session_does_not_become_what_somebody_else_makes(bed: MirrorBed) -> None:
    session_id = bed.add_session()
    with bed.database() as db:
        outbox.drop(db, outbox.RecordKey(SESSION.name, SPACE, "one"))
        db.commit()
    bed.cluster.create(session_manifest(agent="good", owner="carol"))
    bed.hear()
    assert (bed.session().id, bed.session().uid, bed.session().agent) == (session_id, None, None)


def test_a_host_stays_while_its_pod_does(bed: MirrorBed) -> None:
    bed.add_session()
    bed.settle()
    bed.cluster.pods[NAMESPACE, "one"] = "pod-1"
    bed.change_session(host_pod_uid="pod-1", host_state="idle")
    # A late status from before the pod was ready.
    bed.cluster.set_status(session_key(), state="init", conditions=[])
    bed.settle()
    assert bed.session().host_state == "idle"


@pytest.mark.parametrize("pod", [None, "pod-2"])
def test_a_host_goes_with_its_pod(bed: MirrorBed, pod: str | None) -> None:
    session_id = bed.add_session()
    bed.settle()
    bed.change_session(host_pod_uid="pod-1", host_state="busy")
    if pod is not None:
        bed.cluster.pods[NAMESPACE, "one"] = pod
    bed.bus.heard.clear()
    bed.cluster.set_status(session_key(), state="closed", conditions=[])
    bed.hear()
    record = bed.session()
    assert (record.host_pod_uid, record.host_state) == (None, None)
    assert session_topic(session_id) in bed.bus.heard


def test_a_status_that_is_taken_in_late_does_not_hide_a_newer_one(
    bed: MirrorBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed.add_session()
    bed.settle()

    def fail(*_: object) -> None:
        raise OperationalError("UPDATE", {}, Exception("1205 lock wait timeout"))

    with monkeypatch.context() as patched:
        patched.setattr(SessionKind, "take_status", fail)
        bed.cluster.set_status(session_key(), state="busy")
        bed.hear()
    bed.cluster.set_status(session_key(), state="idle")
    bed.hear()
    bed.time += 60
    bed.hear()
    assert bed.session().cr_state == "idle"


def test_builds_are_recorded_as_they_go(bed: MirrorBed) -> None:
    bed.add_space()
    bed.settle()
    build = {
        "id": "abc",
        "key": "abcdef",
        "state": "building",
        "startTime": "2026-01-01T10:00:00Z",
        "agents": [{"name": "echo", "commit": "c0ffee"}],
    }
    bed.cluster.set_status(space_key(), build=build)
    bed.hear()
    failed = {"state": "failed", "reason": "BuildFailed", "message": "pip said no"}
    build |= {**failed, "completionTime": "2026-01-01T10:01:00Z"}
    bed.cluster.set_status(space_key(), build=build)
    bed.hear()
    bed.cluster.set_status(space_key(), build=build | {"startTime": "2026-01-01T11:00:00Z"})
    bed.hear()
    with bed.database() as db:
        first, second = db.exec(select(BuildRecord).order_by("started_at"))
    assert (first.status, first.image_tag) == ("failed", "raworc_space_team:abc")
    assert first.error == {"reason": "BuildFailed", "message": "pip said no"}
    assert first.agents == [{"name": "echo", "commit": "c0ffee"}]
    assert first.completed_at is not None
    assert second.started_at.hour == 11


def test_a_build_that_a_newer_one_replaced_is_ended(bed: MirrorBed) -> None:
    bed.add_space()
    bed.settle()
    for number in (1, 2):
        build = {"id": f"b{number}", "key": "k", "state": "building", "agents": []}
        started = f"2026-01-01T10:0{number}:00Z"
        bed.cluster.set_status(space_key(), build=build | {"startTime": started})
        bed.hear()
    with bed.database() as db:
        first, second = db.exec(select(BuildRecord).order_by("started_at"))
    assert (first.status, second.status) == ("failed", "building")
    assert first.completed_at == second.started_at
    assert first.error is not None
    assert first.error["reason"] == "Superseded"


def test_a_space_goes_with_all_that_is_only_the_apis(bed: MirrorBed) -> None:
    bed.add_space()
    bed.settle()
    bed.cluster.failures["one"] = InvalidObjectError("no")
    bed.add_session()
    bed.settle()
    with bed.database() as db:
        db.add(RoleBinding(principal="ann", role="user", space=SPACE))
        db.commit()
    bed.cluster.delete(space_key())
    bed.hear()
    for table in (SpaceRecord, SessionRecord, MessageRecord, RoleBinding):
        assert bed.count(table) == 0


def test_a_change_of_ours_that_cannot_be_applied_yet_is_not_overwritten(bed: MirrorBed) -> None:
    bed.add_session()
    bed.settle()
    bed.cluster.change_spec(session_key(), closed=False, agent="theirs")
    bed.change_session(spec={"closed": True})
    bed.cluster.failures["one"] = ClusterError("no answer")
    bed.cluster.set_status(session_key(), state="idle", podName="one", conditions=[READY])
    bed.hear()
    assert bed.session().closed
    assert bed.session().cr_state == "idle"
    bed.cluster.failures.clear()
    bed.tell(SESSION, bed.cluster.read(session_key()))
    spec = {"space": SPACE, "closed": True, "agent": "theirs"}
    assert bed.cluster.read(session_key())["spec"] == bed.session().spec == spec


def test_what_was_applied_and_deleted_unseen_goes_with_its_deletion(bed: MirrorBed) -> None:
    bed.add_session()
    live = bed.cluster.create(session_manifest())
    bed.change_session(deleting=True)
    with bed.database() as db:
        outbox.drop(db, outbox.RecordKey(SESSION.name, SPACE, "one"))
        db.commit()
    bed.tell(SESSION, live, is_deleted=True)
    assert bed.count(SessionRecord) == 0
