"""Says by network policies who may reach whom, as a cluster's network would that enforces them.

Where Kubernetes leaves something open the more permissive reading is taken: a range of addresses
also matches pods that have such an address. A node always reaches its own pods, which it probes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

Manifest = dict[str, Any]
Labels = Mapping[str, str]


@dataclass(frozen=True)
class Place:
    """An address outside of the cluster's pods; a node is one, by its name."""

    address: str
    node: str | None = None


@dataclass(frozen=True)
class Pod(Place):
    """A pod, with what policies know it by."""

    namespace: str = "default"
    labels: Labels = field(default_factory=dict)
    namespace_labels: Labels = field(default_factory=dict)


@dataclass(frozen=True)
class Network:
    """All policies of a cluster."""

    policies: Sequence[Manifest]

    def allows(self, source: Place, target: Place, port: int, protocol: str = "TCP") -> bool:
        """Say whether a connection comes about: its source may send and its target receive it."""
        if not isinstance(source, Pod) and isinstance(target, Pod) and _share_node(source, target):
            return True
        return self._passes("egress", source, target, port, protocol) and self._passes(
            "ingress", target, source, port, protocol
        )

    def selecting(self, pod: Pod, direction: str) -> list[Manifest]:
        """Return the policies that close a pod in one direction, but for what they allow."""
        return [
            policy
            for policy in self.policies
            if policy["metadata"]["namespace"] == pod.namespace
            and direction in {kind.lower() for kind in policy["spec"]["policyTypes"]}
            and _selects(policy["spec"]["podSelector"], pod.labels)
        ]

    def _passes(self, direction: str, one: Place, other: Place, port: int, protocol: str) -> bool:
        if not isinstance(one, Pod):
            return True
        policies = self.selecting(one, direction)
        rules = [rule for policy in policies for rule in policy["spec"].get(direction) or []]
        peers = "to" if direction == "egress" else "from"
        return not policies or any(
            _has_port(rule.get("ports"), port, protocol)
            and _has_peer(rule.get(peers), other, one.namespace)
            for rule in rules
        )


def _share_node(one: Place, other: Place) -> bool:
    return one.node is not None and one.node == other.node


def _has_port(ports: Iterable[Manifest] | None, port: int, protocol: str) -> bool:
    # No ports at all mean every port.
    return not ports or any(
        one.get("protocol", "TCP") == protocol and one["port"] == port for one in ports
    )


def _has_peer(peers: Iterable[Manifest] | None, other: Place, namespace: str) -> bool:
    # No peers at all mean everybody.
    return not peers or any(_is_peer(peer, other, namespace) for peer in peers)


def _is_peer(peer: Manifest, other: Place, namespace: str) -> bool:
    if "ipBlock" in peer:
        return _in_block(peer["ipBlock"], other.address)
    if not isinstance(other, Pod):
        return False
    inside = (
        _selects(peer["namespaceSelector"], other.namespace_labels)
        if "namespaceSelector" in peer
        else other.namespace == namespace
    )
    return inside and _selects(peer.get("podSelector", {}), other.labels)


def _in_block(block: Manifest, text: str) -> bool:
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        # So it goes over the wire.
        address = address.ipv4_mapped
    excepted = any(address in ip_network(cidr) for cidr in block.get("except", []))
    return address in ip_network(block["cidr"]) and not excepted


def _selects(selector: Manifest, labels: Labels) -> bool:
    wanted: Labels = selector.get("matchLabels", {})
    expressions: list[Manifest] = selector.get("matchExpressions", [])
    return wanted.items() <= labels.items() and all(
        _meets(expression, labels) for expression in expressions
    )


def _meets(expression: Manifest, labels: Labels) -> bool:
    key, value = expression["key"], labels.get(expression["key"])
    operator, values = expression["operator"], expression.get("values", [])
    return {
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
        "In": value in values,
        "NotIn": value not in values,
    }[operator]
