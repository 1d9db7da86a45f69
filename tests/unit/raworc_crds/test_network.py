import pytest
from pydantic import ValidationError

from raworc_crds.network import PRIVATE_RANGES, Network, parse_range
from raworc_crds.space import SpaceSpec
from raworc_crds.wire import dump


@pytest.mark.parametrize("cidr", ["10.1.0.0/16", "0.0.0.0/0", "203.0.113.7/32", "::/0", "fd00::/8"])
def test_ranges_that_are_accepted(cidr: str) -> None:
    network = Network.model_validate({"egress": [{"cidr": cidr, "ports": [443]}]})
    assert dump(network) == {"egress": [{"cidr": cidr, "ports": [443]}]}


@pytest.mark.parametrize(
    "cidr",
    [
        *("", "10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/255.0.0.0"),
        *("010.0.0.0/8", "FD00::/8", "fd00:0::/32", "::ffff:10.0.0.0/104", "::ffff:0:0/96"),
        *("fd00::%1/64", "example.com/8", "10.0.0.0/8\n"),
    ],
)
def test_ranges_that_are_not_in_their_shortest_form_are_refused(cidr: str) -> None:
    with pytest.raises(ValidationError, match="must be a network in its shortest form"):
        Network.model_validate({"egress": [{"cidr": cidr}]})


@pytest.mark.parametrize(
    "cidr",
    ["169.254.169.254/32", "127.0.0.0/8", "224.0.0.0/8", "::1/128", "fe80::/64", "ff02::/16"],
)
def test_no_space_opens_loopback_link_local_or_multicast(cidr: str) -> None:
    with pytest.raises(
        ValidationError, match=r"must not be inside of 0\.0\.0\.0/8, 127\.0\.0\.0/8"
    ):
        Network.model_validate({"egress": [{"cidr": cidr}]})


@pytest.mark.parametrize(
    "network",
    [
        {"egress": [{}]},
        {"egress": [{"cidr": "10.0.0.0/8", "ports": [0]}]},
        {"egress": [{"cidr": "10.0.0.0/8", "ports": [65_536]}]},
        {"egress": [{"cidr": "10.0.0.0/8", "ports": list(range(1, 18))}]},
        {"egress": [{"cidr": "10.0.0.0/8", "ports": [443, 443]}]},
        {"egress": [{"cidr": "10.0.0.0/8", "port": 443}]},
        {"egress": [{"cidr": "10.0.0.0/8"}] * 33},
        {"internet": "sometimes"},
    ],
)
def test_networks_that_are_refused(network: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SpaceSpec.model_validate({"network": network})


def test_every_private_range_is_in_its_shortest_form_and_there_once() -> None:
    ranges = [parse_range(text) for text in PRIVATE_RANGES]
    assert len(set(ranges)) == len(ranges)
