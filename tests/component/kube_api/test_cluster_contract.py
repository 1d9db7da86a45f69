"""What a cluster does, as a kube-apiserver does it, and so the cluster in memory too."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice

import pytest
from tests.support.kubernetes import KubeApi
from tests.support.memory_cluster import MemoryCluster

from raworc_kube.client import Cluster, Event, KubernetesCluster
from raworc_kube.errors import (
    InvalidObjectError,
    ObjectConflictError,
    ObjectNotFoundError,
    VersionGoneError,
)
from raworc_kube.objects import LEASE, SESSION, SPACE, Key, Manifest, key_of

_numbers = count(1)


@dataclass(frozen=True)
class Subject:
    """A cluster that is looked at, with an empty namespace of it."""

    cluster: Cluster
    namespace: str
    # A version that is too old to watch from.
    old_version: Callable[[], str]

    def key(self, name: str = "one") -> Key:
        return Key(SESSION, name, self.namespace)

    def session(self, name: str = "one", **spec: object) -> Manifest:
        metadata = {"name": name, "namespace": self.namespace, "labels": {"test": name}}
        return {
            "apiVersion": SESSION.api_version,
            "kind": SESSION.name,
            "metadata": metadata,
            "spec": {"space": "team", **spec},
        }

    def version(self) -> str:
        return self.cluster.list_all(SESSION).version

    def events(self, version: str, number: int) -> list[tuple[str, str, Manifest]]:
        """Return as many events after a version as there must be."""
        watch = self.cluster.watch(SESSION, version)
        told = (event for event in watch if event.type != "BOOKMARK")
        found = list(islice(told, number))
        watch.close()  # type: ignore[attr-defined]  # each is a generator
        return [_brief(event) for event in found]


def _brief(event: Event) -> tuple[str, str, Manifest]:
    return event.type, event.manifest["metadata"]["name"], event.manifest["spec"]


@pytest.fixture
def in_memory() -> Iterator[Subject]:
    cluster = MemoryCluster()
    cluster.namespaces.add("raworc-team")

    def forget() -> str:
        version = cluster.list_all(SESSION).version
        cluster.forget_history()
        return version

    yield Subject(cluster, "raworc-team", forget)
    cluster.close()


@pytest.fixture
def kubernetes(
    kube_api: KubeApi, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Subject]:
    # So that a list of a test has more pages than one.
    monkeypatch.setattr("raworc_kube.client._PAGE", 2)
    with kube_api.client() as connection:
        # Sessions are served since their definition was made, which was not the first thing.
        yield Subject(KubernetesCluster(connection, "raworc-test"), namespace, lambda: "1")


@pytest.fixture(params=["in_memory", "kubernetes"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


def test_a_new_object_has_an_identity(subject: Subject) -> None:
    made = subject.cluster.create(subject.session())["metadata"]
    assert made["generation"] == 1
    assert made["uid"]
    assert made["creationTimestamp"]
    assert subject.cluster.read(subject.key())["metadata"]["uid"] == made["uid"]


def test_what_is_there_cannot_be_created(subject: Subject) -> None:
    subject.cluster.create(subject.session())
    with pytest.raises(ObjectConflictError, match="already exists"):
        subject.cluster.create(subject.session())


def test_what_is_not_there_is_not_found(subject: Subject) -> None:
    assert subject.cluster.find(subject.key()) is None
    with pytest.raises(ObjectNotFoundError, match="not found"):
        subject.cluster.read(subject.key())
    with pytest.raises(ObjectNotFoundError, match="not found"):
        subject.cluster.merge(subject.key(), {"spec": {"closed": True}})


def test_nothing_can_be_in_a_namespace_that_is_not_there(subject: Subject) -> None:
    manifest = subject.session()
    manifest["metadata"]["namespace"] = "raworc-nowhere"
    for write in (subject.cluster.create, subject.cluster.apply):
        with pytest.raises(ObjectNotFoundError, match="raworc-nowhere"):
            write(manifest)


def test_an_apply_makes_what_is_not_there(subject: Subject) -> None:
    applied = subject.cluster.apply(subject.session(closed=True))
    assert applied == subject.cluster.read(subject.key())
    assert applied["spec"] == {"space": "team", "closed": True}


def test_an_apply_drops_what_it_named_before_and_names_no_more(subject: Subject) -> None:
    subject.cluster.apply(subject.session(agent="echo", closed=True))
    applied = subject.cluster.apply(subject.session(closed=True))
    assert applied["spec"] == {"space": "team", "closed": True}


def test_an_apply_leaves_what_it_never_named(subject: Subject) -> None:
    subject.cluster.apply(subject.session(metadata={"ours": "1"}))
    theirs = {"agent": "echo", "metadata": {"theirs": "2"}}
    subject.cluster.merge(subject.key(), {"spec": theirs})
    applied = subject.cluster.apply(subject.session(metadata={"ours": "3"}))
    assert applied["spec"] == {
        "space": "team",
        "agent": "echo",
        "metadata": {"ours": "3", "theirs": "2"},
    }


def test_a_merge_changes_what_it_names_and_drops_what_it_sets_to_none(subject: Subject) -> None:
    subject.cluster.create(subject.session(agent="echo", metadata={"a": "1", "b": "2"}))
    patch = {"spec": {"agent": None, "closed": True, "metadata": {"a": None}}}
    merged = subject.cluster.merge(subject.key(), patch)
    assert merged["spec"] == {"space": "team", "closed": True, "metadata": {"b": "2"}}


@pytest.mark.parametrize(
    ("field", "error"), [("resourceVersion", ObjectConflictError), ("uid", InvalidObjectError)]
)
def test_a_merge_of_another_version_or_object_is_refused(
    subject: Subject, field: str, error: type[Exception]
) -> None:
    before = subject.cluster.create(subject.session())
    subject.cluster.merge(subject.key(), {"spec": {"closed": True}})
    other = {"resourceVersion": before["metadata"]["resourceVersion"], "uid": "another"}
    patch = {"metadata": {field: other[field]}, "spec": {"closed": False}}
    with pytest.raises(error):
        subject.cluster.merge(subject.key(), patch)
    assert subject.cluster.read(subject.key())["spec"]["closed"] is True


def test_a_write_that_changes_nothing_makes_no_version(subject: Subject) -> None:
    made = subject.cluster.apply(subject.session())
    subject.cluster.apply(subject.session())
    same = subject.cluster.merge(subject.key(), {"spec": {"space": "team"}})
    assert same["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_a_change_of_the_spec_alone_counts_as_a_generation(subject: Subject) -> None:
    made = subject.cluster.create(subject.session())
    subject.cluster.merge(subject.key(), {"metadata": {"annotations": {"a": "b"}}})
    subject.cluster.patch_status(made, {"state": "idle"})
    assert subject.cluster.read(subject.key())["metadata"]["generation"] == 1
    changed = subject.cluster.merge(subject.key(), {"spec": {"closed": True}})
    assert changed["metadata"]["generation"] == 2


def test_status_and_spec_are_written_apart(subject: Subject) -> None:
    made = subject.cluster.create(subject.session())
    subject.cluster.patch_status(made, {"state": "idle", "podName": "one"})
    subject.cluster.merge(subject.key(), {"status": {"state": "busy"}, "spec": {"closed": True}})
    found = subject.cluster.read(subject.key())
    assert found["status"] == {"state": "idle", "podName": "one"}
    assert found["spec"]["closed"] is True


def test_a_status_is_merged_into_a_newer_version_of_its_object(subject: Subject) -> None:
    made = subject.cluster.create(subject.session())
    subject.cluster.patch_status(made, {"state": "idle", "podName": "one"})
    subject.cluster.merge(subject.key(), {"spec": {"closed": True}})
    subject.cluster.patch_status(made, {"podName": None})
    assert subject.cluster.read(subject.key())["status"] == {"state": "idle"}


def test_a_status_is_not_written_into_another_object_of_the_name(subject: Subject) -> None:
    gone = subject.cluster.create(subject.session())
    subject.cluster.delete(subject.key(), gone["metadata"]["uid"])
    subject.cluster.patch_status(gone, {"state": "idle"})
    assert subject.cluster.find(subject.key()) is None
    subject.cluster.create(subject.session())
    subject.cluster.patch_status(gone, {"state": "idle"})
    assert "status" not in subject.cluster.read(subject.key())


def test_only_the_newest_version_can_be_replaced(subject: Subject) -> None:
    lease: Manifest = {
        "apiVersion": LEASE.api_version,
        "kind": LEASE.name,
        "metadata": {"name": "leader", "namespace": subject.namespace},
        "spec": {"holderIdentity": "a"},
    }
    old = subject.cluster.create(lease)
    new = subject.cluster.replace({**old, "spec": {"holderIdentity": "b"}})
    assert new["spec"] == {"holderIdentity": "b"}
    with pytest.raises(ObjectConflictError, match="modified"):
        subject.cluster.replace({**old, "spec": {"holderIdentity": "c"}})
    assert subject.cluster.read(key_of(lease))["spec"] == {"holderIdentity": "b"}


def test_a_delete_means_one_object_and_says_whether_it_was_there(subject: Subject) -> None:
    uid = subject.cluster.create(subject.session())["metadata"]["uid"]
    assert subject.cluster.delete(subject.key(), "another") is False
    assert subject.cluster.find(subject.key()) is not None
    assert subject.cluster.delete(subject.key(), uid) is True
    assert subject.cluster.find(subject.key()) is None
    assert subject.cluster.delete(subject.key(), uid) is False


def test_an_object_with_a_finalizer_goes_when_that_is_taken_away(subject: Subject) -> None:
    manifest = subject.session()
    manifest["metadata"]["finalizers"] = ["raworc.dev/test"]
    uid = subject.cluster.create(manifest)["metadata"]["uid"]
    assert subject.cluster.delete(subject.key(), uid) is True
    assert subject.cluster.read(subject.key())["metadata"]["deletionTimestamp"]
    subject.cluster.merge(subject.key(), {"metadata": {"finalizers": None}})
    assert subject.cluster.find(subject.key()) is None


def test_a_name_that_is_used_again_is_another_object(subject: Subject) -> None:
    first = subject.cluster.create(subject.session())["metadata"]["uid"]
    subject.cluster.delete(subject.key(), first)
    second = subject.cluster.create(subject.session())["metadata"]
    assert second["uid"] != first
    assert second["generation"] == 1


def test_a_list_has_all_pages_of_a_namespace_and_what_carries_the_labels(
    subject: Subject,
) -> None:
    for name in ("a", "b", "c", "d", "e"):
        subject.cluster.create(subject.session(name))

    def names(labels: str = "") -> list[str]:
        items = subject.cluster.list_all(SESSION, subject.namespace, labels).items
        assert all(item["kind"] == SESSION.name for item in items)
        return [item["metadata"]["name"] for item in items]

    assert names() == ["a", "b", "c", "d", "e"]
    assert names("test=c") == ["c"]
    assert subject.cluster.list_all(SESSION, "raworc-nowhere").items == []
    everywhere = subject.cluster.list_all(SESSION).items
    here = [item for item in everywhere if item["metadata"]["namespace"] == subject.namespace]
    assert len(here) == 5
    assert subject.cluster.count(SESSION, subject.namespace) == 5
    assert subject.cluster.count(SESSION, subject.namespace, "test=c") == 1


def test_a_watch_tells_every_change_after_a_list_in_order(subject: Subject) -> None:
    subject.cluster.create(subject.session("before"))
    version = subject.version()
    uid = subject.cluster.create(subject.session())["metadata"]["uid"]
    subject.cluster.apply(subject.session("two"))
    subject.cluster.merge(subject.key(), {"spec": {"closed": True}})
    subject.cluster.merge(subject.key(), {"spec": {"closed": True}})
    subject.cluster.delete(subject.key(), uid)
    open_spec, closed_spec = {"space": "team"}, {"space": "team", "closed": True}
    assert subject.events(version, 4) == [
        ("ADDED", "one", open_spec),
        ("ADDED", "two", open_spec),
        ("MODIFIED", "one", closed_spec),
        ("DELETED", "one", closed_spec),
    ]


def test_a_watch_from_the_version_of_a_change_leaves_that_change_out(subject: Subject) -> None:
    version = subject.cluster.create(subject.session())["metadata"]["resourceVersion"]
    subject.cluster.create(subject.session("two"))
    assert subject.events(version, 1) == [("ADDED", "two", {"space": "team"})]


def test_a_watch_from_too_long_ago_says_so(subject: Subject) -> None:
    subject.cluster.create(subject.session())
    with pytest.raises(VersionGoneError, match="too old resource version"):
        list(subject.cluster.watch(SESSION, subject.old_version()))


def test_a_field_that_is_not_known_is_refused(kubernetes: Subject) -> None:
    for write in (kubernetes.cluster.create, kubernetes.cluster.apply):
        with pytest.raises(InvalidObjectError, match="nonsense"):
            write(kubernetes.session(nonsense=1))


def test_a_space_is_in_no_namespace(subject: Subject) -> None:
    name = f"contract-{next(_numbers)}"
    made = subject.cluster.create(
        {
            "apiVersion": SPACE.api_version,
            "kind": SPACE.name,
            "metadata": {"name": name},
            "spec": {},
        }
    )
    key = Key(SPACE, name)
    assert subject.cluster.read(key)["metadata"]["uid"] == made["metadata"]["uid"]
    assert subject.cluster.delete(key, made["metadata"]["uid"]) is True
