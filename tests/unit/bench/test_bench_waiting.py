"""The measurement of who waits: what it tells of its figures, and what it hands to its servers."""

from bench.servers import Ports
from bench.waiting import Cost, targets_of_waiting


def test_ports_are_read_as_they_were_written() -> None:
    ports = Ports(1, 2, 3, 4, 5, 6)
    assert Ports.parse(ports.render()) == ports


def test_the_cost_of_the_hosts_is_told_beside_that_of_a_bare_server() -> None:
    cost = Cost(0.031, 0.012, 120, 180, 250)
    assert "3.1% of a core of one replica, and 1.2% of a bare server" in cost.sentence()
    assert [target.is_met for target in targets_of_waiting(cost)] == [True, True]
    dear = Cost(0.051, 0.012, 120, 180, 301)
    assert [target.is_met for target in targets_of_waiting(dear)] == [False, False]


def test_what_was_not_measured_has_no_target() -> None:
    assert targets_of_waiting(None) == []
