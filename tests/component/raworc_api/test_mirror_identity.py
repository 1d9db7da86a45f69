"""A database outlives its cluster: what absence means, on a real database."""

import logging

import pytest
from tests.component.raworc_api.mirror_bed import (
    NAMESPACE,
    MirrorBed,
    session_key,
    session_manifest,
    space_key,
    space_manifest,
)

from raworc_api.core.database import Database
from raworc_api.messages.tables import MessageRecord
from raworc_api.mirror.absences import DECISION_ANNOTATION
from raworc_api.mirror.conditions import own_condition
from raworc_api.mirror.identity import definition_key, read_identity
from raworc_api.mirror.tables import IdentityRecord
from raworc_api.sessions.tables import SessionRecord
from raworc_api.spaces.tables import SpaceRecord
from raworc_kube.errors import ClusterError, ObjectNotFoundError
from raworc_kube.objects import SESSION
from raworc_kube.objects import SPACE as SPACES

MANY = [f"s{number:02}" for number in range(12)]


@pytest.fixture
def bed(database: Database) -> MirrorBed:
    return MirrorBed(database)


@pytest.fixture
def full(bed: MirrorBed) -> MirrorBed:
    """Return a mirror beside a space with twelve sessions, each with a message."""
    bed.add_space()
    for name in MANY:
        bed.add_session(name)
    bed.settle()
    assert bed.names() == set(MANY)
    return bed


def wait(bed: MirrorBed, seconds: float) -> None:
    """Let time pass, and let the mirror do what it does now and then."""
    for _ in range(int(seconds)):
        bed.time += 1
        bed.absences.look_again()
        bed.hear()


def test_another_cluster_gets_what_is_recorded(full: MirrorBed) -> None:
    full.change_session(
        MANY[0], host_pod_uid="pod-1", host_state="busy", cr_state="busy", status={"podName": "p"}
    )
    full.settle()
    uids = {full.session(name).uid for name in MANY}
    full.cluster.become_another()
    full.cluster.namespaces.add(NAMESPACE)
    full.restart()
    full.settle()
    assert full.count(MessageRecord) == len(MANY)
    assert full.cluster.has(space_key())
    for name in MANY:
        live, record = full.cluster.read(session_key(name)), full.session(name)
        assert live["metadata"]["labels"] == {"raworc.dev/session-id": record.id}
        assert record.uid == live["metadata"]["uid"]
        assert record.uid not in uids
    first = full.session(MANY[0])
    assert (first.host_pod_uid, first.host_state, first.cr_state) == (None, None, None)
    assert full.waiting() == []


def test_another_cluster_met_by_a_running_mirror_gets_what_is_recorded(full: MirrorBed) -> None:
    full.cluster.become_another()
    full.cluster.namespaces.add(NAMESPACE)
    full.change_session(MANY[0], spec={"closed": True})
    full.export()  # before the mirror knows that this is another cluster
    full.relist()
    full.settle()
    full.time += 60
    full.settle()
    assert full.count(MessageRecord) == len(MANY)
    assert full.names() == set(MANY)
    assert full.cluster.read(session_key(MANY[0]))["spec"]["closed"] is True


def test_what_was_being_deleted_is_not_made_in_another_cluster(full: MirrorBed) -> None:
    full.change_session(MANY[0], deleting=True)
    full.cluster.become_another()
    full.cluster.namespaces.add(NAMESPACE)
    full.restart()
    full.settle()
    assert not full.cluster.has(session_key(MANY[0]))
    assert full.count(SessionRecord) == len(MANY) - 1
    assert full.waiting() == []


def test_another_cluster_that_has_objects_of_the_same_names_keeps_them(full: MirrorBed) -> None:
    full.cluster.become_another()
    full.cluster.namespaces.add(NAMESPACE)
    full.cluster.create(space_manifest(description="theirs"))
    live = full.cluster.create(session_manifest(MANY[0], owner="ann", metadata={"theirs": "1"}))
    full.restart()
    full.settle()
    record = full.session(MANY[0])
    assert record.uid == live["metadata"]["uid"]
    assert record.spec["metadata"] == {"theirs": "1"}
    assert full.count(MessageRecord) == len(MANY)


@pytest.mark.parametrize("kinds", [(SESSION,), (SPACES, SESSION), (SESSION, SPACES)])
def test_definitions_that_are_installed_anew_cost_no_message(
    full: MirrorBed, kinds: tuple[object, ...]
) -> None:
    for kind in kinds:
        full.cluster.delete_definition(kind)  # type: ignore[arg-type] # one of ours
    full.hear()  # deletions, one by one
    assert full.count(SessionRecord) == full.count(MessageRecord) == len(MANY)
    assert not any(full.session(name).deleting for name in MANY)
    with pytest.raises(ObjectNotFoundError):
        full.relist()
    for kind in kinds:
        full.cluster.install_definition(kind)  # type: ignore[arg-type] # one of ours
    full.relist()
    full.settle()
    assert full.names() == set(MANY)
    assert all(full.cluster.has(session_key(name)) for name in MANY)
    assert full.count(MessageRecord) == len(MANY)
    assert not full.space().deleting


def test_a_deletion_that_is_tried_again_under_new_definitions_is_not_believed(
    full: MirrorBed,
) -> None:
    full.cluster.delete_definition(SESSION)
    full.hear()  # the definition is not found, so the deletions are to be tried again
    full.cluster.install_definition(SESSION)
    # What the watch does before it resets the records.
    full.guard.expect(read_identity(full.cluster))
    full.time += 60
    full.hear()
    assert full.count(SessionRecord) == full.count(MessageRecord) == len(MANY)


def test_sessions_that_go_with_the_definition_of_spaces_are_kept(full: MirrorBed) -> None:
    full.cluster.delete_definition(SPACES)
    for name in MANY:  # as the operator deletes the namespace of a Space that goes
        full.cluster.delete(session_key(name))
    full.hear()
    assert full.count(MessageRecord) == len(MANY)
    full.cluster.install_definition(SPACES)
    full.relist()
    full.settle()
    assert full.names() == set(MANY)


def test_a_definition_that_is_being_deleted_says_nothing_about_its_objects(
    full: MirrorBed,
) -> None:
    definition = full.cluster._objects[definition_key(SESSION)]
    definition["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    full.cluster.lose(session_key(MANY[0]))
    with pytest.raises(ClusterError, match="is being deleted"):
        full.relist()
    full.hear()
    assert full.count(SessionRecord) == len(MANY)


def test_definitions_replaced_while_they_are_listed_make_the_list_worthless(
    full: MirrorBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_all = full.cluster.list_all

    def list_and_replace(*arguments: object) -> object:
        listing = list_all(*arguments)  # type: ignore[arg-type] # as they came
        full.cluster.install_definition(SESSION)
        return type(listing)([], listing.version)

    monkeypatch.setattr(full.cluster, "list_all", list_and_replace)
    with pytest.raises(ClusterError, match="were replaced"):
        full.watch(SESSION).list()
    full.hear()
    assert full.count(SessionRecord) == len(MANY)


def test_a_database_without_an_identity_belongs_to_the_cluster_that_has_its_objects(
    full: MirrorBed,
) -> None:
    forget_identity(full)
    full.cluster.delete(session_key(MANY[0]))
    full.restart()
    full.settle()
    assert full.names() == set(MANY[1:])


def test_a_database_without_an_identity_beside_an_empty_cluster_is_made_there(
    full: MirrorBed,
) -> None:
    forget_identity(full)
    full.cluster.become_another()
    full.cluster.namespaces.add(NAMESPACE)
    full.restart()
    full.settle()
    assert full.names() == set(MANY)
    assert full.count(MessageRecord) == len(MANY)


def test_many_that_are_missing_at_once_are_kept_and_spoken_of(
    full: MirrorBed, caplog: pytest.LogCaptureFixture
) -> None:
    full.cluster.lose(*(session_key(name) for name in MANY[:11]))
    full.restart()
    full.settle()
    assert full.count(SessionRecord) == len(MANY)
    assert own_condition(full.session(MANY[0]).conditions) is None  # it may explain itself yet
    with caplog.at_level(logging.WARNING):
        wait(full, 16)
    assert full.count(MessageRecord) == len(MANY)
    assert "11 of 12 AgentSession objects are missing" in caplog.text
    condition = own_condition(full.session(MANY[0]).conditions)
    assert condition is not None
    assert condition["reason"] == "Missing"
    assert own_condition(full.session(MANY[11]).conditions) is None


def test_a_share_of_very_many_that_is_missing_is_kept(bed: MirrorBed) -> None:
    names = [f"n{number:02}" for number in range(60)]
    bed.add_space()
    for name in names:
        bed.add_session(name)
    bed.settle()
    bed.cluster.lose(*(session_key(name) for name in names[:13]))
    bed.restart()
    wait(bed, 16)
    assert bed.names() == set(names)


def test_a_change_does_not_delete_what_is_missing(full: MirrorBed) -> None:
    full.cluster.lose(*(session_key(name) for name in MANY[:11]))
    full.restart()
    full.change_session(MANY[0], spec={"closed": True})
    full.settle()
    assert full.session(MANY[0]).closed
    assert full.count(SessionRecord) == len(MANY)


def test_what_is_deleted_one_by_one_goes_while_others_are_missing(full: MirrorBed) -> None:
    full.cluster.lose(*(session_key(name) for name in MANY[:11]))
    full.restart()
    full.cluster.delete(session_key(MANY[11]))
    full.hear()
    assert full.names() == set(MANY[:11])
    full.change_session(MANY[0], deleting=True)  # by REST
    full.export()
    assert full.names() == set(MANY[1:11])


def test_what_was_deleted_one_by_one_goes_though_nobody_watched(full: MirrorBed) -> None:
    for name in MANY[:3]:
        full.cluster.delete(session_key(name))
    full.restart()
    full.settle()
    assert full.names() == set(MANY[3:])
    assert full.count(MessageRecord) == len(MANY) - 3


def test_sessions_that_went_with_their_space_go_though_nobody_watched(full: MirrorBed) -> None:
    full.cluster.lose(space_key(), *(session_key(name) for name in MANY))
    full.restart()
    # The worst order: the sessions' absence is judged before the Space's is known.
    wait(full, 12)
    assert full.count(SpaceRecord) == full.count(SessionRecord) == 0


@pytest.mark.parametrize("decision", ["delete", "recreate"])
def test_who_runs_the_cluster_decides_on_what_is_missing(
    full: MirrorBed, decision: str, caplog: pytest.LogCaptureFixture
) -> None:
    full.cluster.lose(*(session_key(name) for name in MANY[:11]))
    full.restart()
    decide(full, f"{decision}-0ther1")
    with caplog.at_level(logging.WARNING):
        wait(full, 16)
    assert full.count(SessionRecord) == len(MANY)
    command = next(
        word
        for word in caplog.text.split()
        if word.endswith("-" + word[-8:]) and f"={decision}-" in word
    )
    decide(full, command.partition("=")[2])
    wait(full, 6)
    full.settle()
    expected = MANY[11:] if decision == "delete" else MANY
    assert full.names() == set(expected)
    assert full.count(MessageRecord) == len(expected)
    assert all(full.cluster.has(session_key(name)) for name in expected)
    assert all(own_condition(full.session(name).conditions) is None for name in expected)


def test_an_object_out_of_a_backup_is_the_session_that_it_was(full: MirrorBed) -> None:
    first = full.session(MANY[0])
    copy = session_manifest(MANY[0])
    copy["metadata"]["labels"] = {"raworc.dev/session-id": first.id}
    full.cluster.lose(session_key(MANY[0]))
    live = full.cluster.create(copy)
    full.restart()
    full.settle()
    record = full.session(MANY[0])
    assert (record.id, record.uid) == (first.id, live["metadata"]["uid"])
    assert full.count(MessageRecord) == len(MANY)


def forget_identity(bed: MirrorBed) -> None:
    """Make the database one of before there were identities."""
    with bed.database() as db:
        for kind in (SPACES.name, SESSION.name):
            db.delete(db.get_one(IdentityRecord, kind))
        db.commit()


def decide(bed: MirrorBed, value: str) -> None:
    """Annotate the definition, as the API server's log says."""
    bed.cluster.annotate(definition_key(SESSION), DECISION_ANNOTATION, value)
