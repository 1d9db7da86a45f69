"""``spec.network`` as the API server judges it: by the same rules as the models, word for word."""

import pytest
from tests.support.kubernetes import KubeApi, RefusedError

SPACES = "/apis/raworc.dev/v1alpha1/spaces"
DRY = {"dryRun": "All"}


def create(kube_api: KubeApi, **network: object) -> object:
    identity = {"apiVersion": "raworc.dev/v1alpha1", "kind": "Space", "metadata": {"name": "team"}}
    body = {**identity, "spec": {"network": network}}
    return kube_api.ask("POST", SPACES, body, query=DRY)["spec"]["network"]


@pytest.mark.parametrize("cidr", ["10.1.0.0/16", "0.0.0.0/0", "203.0.113.7/32", "::/0", "fd00::/8"])
def test_ranges_that_are_accepted(kube_api: KubeApi, cidr: str) -> None:
    network = {"internet": False, "egress": [{"cidr": cidr, "ports": [443]}]}
    assert create(kube_api, **network) == network


@pytest.mark.parametrize(
    ("cidr", "words"),
    [
        *[
            (cidr, "`cidr` must be a network in its shortest form, such as '10.1.0.0/16'")
            for cidr in (
                *("10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/08", "010.0.0.0/8"),
                *("FD00::/8", "fd00:0::/32", "::ffff:10.0.0.0/104", "::ffff:0:0/96"),
                *("fd00::%1/64", "example.com/8", "10.0.0.0/8\n", "10.0.0.0/255.0.0.0"),
            )
        ],
        *[
            (cidr, "`cidr` must not be inside of 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16")
            for cidr in (
                *("169.254.169.254/32", "127.0.0.0/8", "224.0.0.0/8"),
                *("::1/128", "fe80::/64", "ff02::/16"),
            )
        ],
    ],
)
def test_ranges_that_are_refused_in_words(kube_api: KubeApi, cidr: str, words: str) -> None:
    with pytest.raises(RefusedError) as refused:
        create(kube_api, egress=[{"cidr": cidr}])
    assert words in str(refused.value)


@pytest.mark.parametrize("ports", [[0], [65_536], list(range(1, 18)), [443, 443], ["https"]])
def test_ports_that_are_refused(kube_api: KubeApi, ports: list[object]) -> None:
    with pytest.raises(RefusedError, match="ports"):
        create(kube_api, egress=[{"cidr": "10.0.0.0/8", "ports": ports}])
