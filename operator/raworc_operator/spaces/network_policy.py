"""The network policies of a space: what its sessions and builds may reach, and who may reach them.

Policies only ever add up, so the first of the three closes the namespace both ways, and the others
open what one component needs. They name pods by their own ports, as a Service's address is
replaced by a pod's before a policy is looked at. What a policy does not say, Kubernetes grants: the
traffic of a pod with its own node, by which the kubelet probes it.
See docs/decisions/0017-networks-of-spaces.md.
"""

from collections.abc import Iterable, Sequence

from raworc_crds.group import COMPONENT_LABEL, SPACE_LABEL
from raworc_crds.names import space_namespace
from raworc_crds.network import NEVER_REACHED, Egress, Network, Range, covers, parse_range
from raworc_crds.space import SpaceSpec
from raworc_kube.objects import Manifest
from raworc_operator.labels import BUILD_COMPONENT, SESSION_COMPONENT, labels
from raworc_operator.networks import Dns, Networks, Opening, Pods
from raworc_operator.settings import Settings

CLOSED_POLICY = "raworc-default-deny"
SESSION_POLICY = "raworc-sessions"
BUILD_POLICY = "raworc-builds"

_EVERYWHERE = ("0.0.0.0/0", "::/0")
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"


def network_policies(space: str, spec: SpaceSpec, settings: Settings) -> list[Manifest]:
    """Build the policies of a space; what opens comes before what closes."""
    inside = space_namespace(space, settings.namespace_prefix)
    networks = settings.networks
    sessions = _session_egress(spec.network or Network(), networks)
    return [
        _policy(space, inside, SESSION_POLICY, SESSION_COMPONENT, sessions),
        _policy(space, inside, BUILD_POLICY, BUILD_COMPONENT, _build_egress(networks)),
        _policy(space, inside, CLOSED_POLICY, None, []),
    ]


def refused_egress(network: Network | None, networks: Networks) -> str | None:
    """Say which range of a space is the cluster's own, which no space may open."""
    closed = [parse_range(text) for text in networks.cluster_ranges]
    for number, wanted in enumerate(network.egress if network else ()):
        if any(covers(one, parse_range(wanted.cidr)) for one in closed):
            return (
                f"`network.egress[{number}].cidr` must not be inside of the cluster's own ranges"
                f" ({', '.join(networks.cluster_ranges)}), but is '{wanted.cidr}'."
            )
    return None


def _session_egress(network: Network, networks: Networks) -> list[Manifest]:
    has_internet = networks.sessions.internet if network.internet is None else network.internet
    return [
        _dns_rule(networks.dns),
        *_pods_rules(networks.hosts),
        *(_internet_rules(networks) if has_internet else []),
        *[_opening_rule(opening) for opening in networks.sessions.egress],
        *[_egress_rule(wanted, networks) for wanted in network.egress],
    ]


def _build_egress(networks: Networks) -> list[Manifest]:
    return [
        _dns_rule(networks.dns),
        *_pods_rules(networks.registry),
        *(_internet_rules(networks) if networks.builds.internet else []),
        *[_opening_rule(opening) for opening in networks.builds.egress],
    ]


def _policy(
    space: str, namespace: str, name: str, component: str | None, egress: list[Manifest]
) -> Manifest:
    chosen = {"matchLabels": {SPACE_LABEL: space, COMPONENT_LABEL: component}} if component else {}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace, "labels": labels(space, "space")},
        "spec": {
            "podSelector": chosen,
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [],
            "egress": egress,
        },
    }


def _dns_rule(dns: Dns) -> Manifest:
    peers = [_pods_peer(dns.namespace, dns.labels)]
    peers += [{"ipBlock": {"cidr": cidr}} for cidr in dns.ranges]
    return {"to": peers, "ports": _ports([53])}


def _pods_rules(pods: Pods | None) -> list[Manifest]:
    if pods is None:
        return []
    ports = [{"protocol": "TCP", "port": pods.port}]
    return [{"to": [_pods_peer(pods.namespace, pods.labels)], "ports": ports}]


def _internet_rules(networks: Networks) -> list[Manifest]:
    closed = (*networks.private_ranges, *networks.cluster_ranges)
    return [{"to": [{"ipBlock": _block(cidr, closed)} for cidr in _EVERYWHERE]}]


def _opening_rule(opening: Opening) -> Manifest:
    peer = (
        {"ipBlock": {"cidr": opening.cidr}}
        if opening.cidr
        else {"namespaceSelector": {"matchLabels": {_NAMESPACE_LABEL: opening.namespace}}}
    )
    return _rule(peer, opening.ports or ())


def _egress_rule(wanted: Egress, networks: Networks) -> Manifest:
    closed = (*NEVER_REACHED, *networks.cluster_ranges)
    return _rule({"ipBlock": _block(wanted.cidr, closed)}, wanted.ports or ())


def _rule(peer: Manifest, ports: Sequence[int]) -> Manifest:
    return {"to": [peer]} | ({"ports": _ports(ports)} if ports else {})


def _ports(numbers: Sequence[int]) -> list[Manifest]:
    return [
        {"protocol": protocol, "port": number} for number in numbers for protocol in ("UDP", "TCP")
    ]


def _pods_peer(namespace: str, pod_labels: dict[str, str]) -> Manifest:
    return {
        "namespaceSelector": {"matchLabels": {_NAMESPACE_LABEL: namespace}},
        "podSelector": {"matchLabels": pod_labels},
    }


def _block(cidr: str, closed: Iterable[str]) -> Manifest:
    """Write a range without those in it that stay closed, each of them once."""
    whole = parse_range(cidr)
    within = {one for one in map(parse_range, closed) if one != whole and covers(whole, one)}
    outermost = [one for one in within if not _is_inside_another(one, within)]
    excepted = [str(one) for one in sorted(outermost)]
    return {"cidr": cidr} | ({"except": excepted} if excepted else {})


def _is_inside_another(one: Range, others: Iterable[Range]) -> bool:
    return any(other != one and covers(other, one) for other in others)
