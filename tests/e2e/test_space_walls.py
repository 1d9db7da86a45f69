"""The walls around spaces, as far as a cluster whose network enforces no policy can show them."""

import json

import pytest
from tests.e2e.conftest import FreshName
from tests.e2e.kubectl import SYSTEM, Kubectl, Manifest, RefusedByClusterError
from tests.e2e.waiting import eventually

OPERATOR = f"system:serviceaccount:{SYSTEM}:raworc-operator"


def opened(kubectl: Kubectl, space: str) -> list[str]:
    """Name the ranges that the sessions of a space reach."""
    policy = kubectl.read("networkpolicy", "raworc-sessions", "-n", f"raworc-{space}") or {}
    rules: list[Manifest] = policy.get("spec", {}).get("egress", [])
    peers = [peer for rule in rules for peer in rule["to"]]
    return [peer["ipBlock"]["cidr"] for peer in peers if "ipBlock" in peer]


def policies(kubectl: Kubectl, space: str) -> set[str]:
    """Name the policies of a space."""
    found = kubectl.every("networkpolicy", "-n", f"raworc-{space}")
    return {policy["metadata"]["name"] for policy in found}


def test_the_policies_of_a_space_follow_its_network(
    kubectl: Kubectl, fresh_space: FreshName
) -> None:
    name = fresh_space()
    identity = {"apiVersion": "raworc.dev/v1alpha1", "kind": "Space", "metadata": {"name": name}}
    kubectl.apply({**identity, "spec": {}})
    eventually(lambda: {"0.0.0.0/0", "::/0"} <= set(opened(kubectl, name)), "the internet is open")
    # They are made one after the other.
    every = {"raworc-default-deny", "raworc-sessions", "raworc-builds"}
    eventually(lambda: policies(kubectl, name) == every, "the three policies")
    network = {"internet": False, "egress": [{"cidr": "192.168.77.0/24", "ports": [5432]}]}
    kubectl.patch(("space", name), {"network": network})
    eventually(lambda: "192.168.77.0/24" in opened(kubectl, name), "the range is open")
    assert not {"0.0.0.0/0", "::/0"} & set(opened(kubectl, name))


@pytest.mark.parametrize("namespace", [SYSTEM, "kube-system", "default"])
def test_the_operators_account_starts_nothing_elsewhere(kubectl: Kubectl, namespace: str) -> None:
    metadata = {"name": "raworc-session", "namespace": namespace}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    command = ("apply", "--server-side", "--dry-run=server", f"--as={OPERATOR}", "-f", "-")
    with pytest.raises(RefusedByClusterError, match="may write only in namespaces of spaces"):
        kubectl(*command, given=json.dumps(account))
