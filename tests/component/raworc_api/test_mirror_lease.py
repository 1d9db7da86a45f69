"""The lease of the mirror, with clocks that a test turns."""

from datetime import UTC, datetime

import pytest
from tests.support.memory_cluster import MemoryCluster

from raworc_kube.errors import ClusterError
from raworc_kube.lease import DURATION, Lease
from raworc_kube.objects import LEASE, Key

NAME = "raworc-mirror"
KEY = Key(LEASE, NAME, "raworc-system")


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def cluster() -> MemoryCluster:
    return MemoryCluster()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lease_of(holder: str, cluster: MemoryCluster, clock: Clock) -> Lease:
    def now() -> datetime:
        return datetime.fromtimestamp(clock.time, UTC)

    return Lease(cluster, KEY, holder, now, clock)


def test_one_of_two_holds_it(cluster: MemoryCluster, clock: Clock) -> None:
    first, second = (lease_of(name, cluster, clock) for name in ("a", "b"))
    assert first.try_hold()
    assert not second.try_hold()
    assert (first.holds(), second.holds()) == (True, False)
    assert cluster.read(KEY)["spec"]["holderIdentity"] == "a"


def test_it_stays_with_who_renews_it(cluster: MemoryCluster, clock: Clock) -> None:
    first, second = (lease_of(name, cluster, clock) for name in ("a", "b"))
    for _ in range(10):
        assert first.try_hold()
        assert not second.try_hold()
        clock.time += DURATION - 1
    spec = cluster.read(KEY)["spec"]
    assert spec["acquireTime"] == "1970-01-01T00:01:40.000000Z"
    assert spec["leaseTransitions"] == 0


def test_who_was_killed_is_followed_after_the_duration(
    cluster: MemoryCluster, clock: Clock
) -> None:
    killed, second = (lease_of(name, cluster, clock) for name in ("a", "b"))
    killed.try_hold()
    second.try_hold()
    clock.time += DURATION - 0.1
    assert not second.try_hold()
    clock.time += 0.1
    assert second.try_hold()
    assert not killed.holds()
    assert cluster.read(KEY)["spec"]["leaseTransitions"] == 1


def test_writing_ends_long_before_the_lease_does(cluster: MemoryCluster, clock: Clock) -> None:
    lease = lease_of("a", cluster, clock)
    lease.try_hold()
    assert lease.may_write()
    clock.time += 2
    assert not lease.may_write()
    assert lease.holds()
    assert lease.try_hold()
    assert lease.may_write()


def test_who_stops_is_followed_at_once(cluster: MemoryCluster, clock: Clock) -> None:
    first, second = (lease_of(name, cluster, clock) for name in ("a", "b"))
    first.try_hold()
    second.try_hold()
    first.release()
    assert not first.may_write()
    assert second.try_hold()
    first.release()
    assert cluster.read(KEY)["spec"]["holderIdentity"] == "b"


def test_a_cluster_that_does_not_answer_takes_nothing_away_yet(
    cluster: MemoryCluster, clock: Clock
) -> None:
    lease = lease_of("a", cluster, clock)
    lease.try_hold()
    cluster.failures[NAME] = ClusterError("no answer")
    clock.time += DURATION - 1
    assert lease.try_hold()
    clock.time += 1
    assert not lease.try_hold()


def test_of_two_at_once_one_is_refused(
    cluster: MemoryCluster, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (lease_of(name, cluster, clock) for name in ("a", "b"))
    lease_of("gone", cluster, clock).try_hold()
    first.try_hold()
    second.try_hold()
    clock.time += DURATION
    read = cluster.read

    def read_and_lose(key: Key) -> object:
        lease = read(key)
        monkeypatch.undo()
        assert second.try_hold()
        return lease

    monkeypatch.setattr(cluster, "read", read_and_lose)
    assert not first.try_hold()
    assert second.holds()
