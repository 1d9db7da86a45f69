"""Who reaches whom, by the policies as chart and operator render them: one line per pair."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.support.network_policies import Network, Place, Pod

from raworc_crds.network import PRIVATE_RANGES
from raworc_crds.space import SpaceSpec
from raworc_operator.labels import BUILD_COMPONENT, SESSION_COMPONENT, labels
from raworc_operator.networks import Networks
from raworc_operator.settings import Settings
from raworc_operator.spaces.network_policy import network_policies, refused_egress
from raworc_sources.protocol import BaseImages

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
Find = Callable[..., Manifest]

# The API server of Kubernetes is beside the pods' own node; node-2 runs nothing of ours.
NODE, OTHER_NODE = Place("172.18.0.2", "node-1"), Place("172.18.0.3", "node-2")


def pod(address: str, namespace: str, **named: str) -> Pod:
    """A pod on node-1; the labels of its namespace are those that Kubernetes gives."""
    own = {"kubernetes.io/metadata.name": namespace}
    return Pod(address, "node-1", namespace, named, own)


def inside(address: str, space: str, component: str) -> Pod:
    """A pod of a space."""
    namespace = f"raworc-{space}"
    own = {"kubernetes.io/metadata.name": namespace, "raworc.dev/space": space}
    return Pod(address, "node-1", namespace, labels(space, component), own)


def part(address: str, component: str) -> Pod:
    """A pod of the release, as its workload labels it."""
    release = {"app.kubernetes.io/name": "raworc", "app.kubernetes.io/instance": "raworc"}
    named = {**release, "app.kubernetes.io/component": component}
    return pod(address, "raworc-system", **named)


PLACES: Mapping[str, Place] = {
    "session": inside("10.244.0.10", "team", SESSION_COMPONENT),
    "session of the same space": inside("10.244.0.11", "team", SESSION_COMPONENT),
    "session of another space": inside("10.244.0.12", "other", SESSION_COMPONENT),
    "build": inside("10.244.0.13", "team", BUILD_COMPONENT),
    "stray pod of a space": inside("10.244.0.14", "team", "else"),
    "API": part("10.244.0.20", "api"),
    "another API": part("10.244.0.21", "api"),
    "operator": part("10.244.0.22", "operator"),
    "MySQL": part("10.244.0.23", "mysql"),
    "registry": part("10.244.0.24", "registry"),
    "DNS": pod("10.244.0.30", "kube-system", **{"k8s-app": "kube-dns"}),
    "other pod beside DNS": pod("10.244.0.31", "kube-system", **{"k8s-app": "metrics"}),
    "DNS in a namespace of its own": pod("10.244.0.32", "dns", **{"k8s-app": "kube-dns"}),
    "Git server": pod("10.244.0.33", "demo-git", app="git"),
    "ingress": pod("10.244.0.34", "ingress-nginx", app="nginx"),
    "stranger": pod("10.244.0.35", "default", **{"raworc.dev/component": "session"}),
    "Kubernetes API": NODE,
    "service of the Kubernetes API": Place("10.96.0.1"),
    "own node": NODE,
    "another node": OTHER_NODE,
    "DNS cache of the node": Place("169.254.20.10"),
    "client outside": Place("198.35.26.96"),
    "internet": Place("140.82.112.3"),
    "internet by IPv6": Place("2606:50c0:8000::153"),
}

# Who calls whom on which port, and whether it comes about.
PAIRS = [
    ("session", "session of the same space", 8080, "no"),
    ("session", "session of another space", 8080, "no"),
    ("session", "build", 8080, "no"),
    ("session", "MySQL", 3306, "no"),
    ("session", "registry", 5000, "no"),
    ("session", "registry", 5001, "no"),
    ("session", "API", 8080, "no"),
    ("session", "API", 8081, "yes"),
    ("session", "API", 8082, "no"),
    ("session", "operator", 8081, "no"),
    ("session", "operator", 8083, "no"),
    ("session", "Kubernetes API", 6443, "no"),
    ("session", "service of the Kubernetes API", 443, "no"),
    ("session", "own node", 10250, "no"),
    ("session", "own node", 30500, "no"),
    ("session", "another node", 30080, "no"),
    ("session", "DNS", 53, "yes"),
    ("session", "DNS", 9153, "no"),
    ("session", "other pod beside DNS", 53, "no"),
    ("session", "DNS in a namespace of its own", 53, "no"),
    ("session", "DNS cache of the node", 53, "yes"),
    ("session", "DNS cache of the node", 80, "no"),
    ("session", "Git server", 9418, "no"),
    ("session", "stranger", 80, "no"),
    ("session", "internet", 443, "yes"),
    ("session", "internet", 22, "yes"),
    ("session", "internet by IPv6", 443, "yes"),
    ("build", "session", 8080, "no"),
    ("build", "session of another space", 8080, "no"),
    ("build", "MySQL", 3306, "no"),
    ("build", "registry", 5000, "yes"),
    ("build", "registry", 5001, "no"),
    ("build", "API", 8080, "no"),
    ("build", "API", 8081, "no"),
    ("build", "API", 8082, "no"),
    ("build", "Kubernetes API", 6443, "no"),
    ("build", "service of the Kubernetes API", 443, "no"),
    ("build", "own node", 30500, "no"),
    ("build", "DNS", 53, "yes"),
    ("build", "Git server", 9418, "yes"),
    ("build", "Git server", 22, "no"),
    ("build", "internet", 443, "yes"),
    ("build", "internet by IPv6", 443, "yes"),
    ("stray pod of a space", "DNS", 53, "no"),
    ("stray pod of a space", "API", 8081, "no"),
    ("stray pod of a space", "internet", 443, "no"),
    ("client outside", "session", 8080, "no"),
    ("client outside", "build", 8080, "no"),
    ("client outside", "stray pod of a space", 8080, "no"),
    ("stranger", "session", 8080, "no"),
    ("API", "session", 8080, "no"),
    ("operator", "session", 8080, "no"),
    ("another node", "session", 8080, "no"),
    ("own node", "session", 8080, "yes"),
    ("ingress", "API", 8080, "yes"),
    ("ingress", "API", 8081, "no"),
    ("ingress", "API", 8082, "no"),
    ("client outside", "API", 8080, "yes"),
    ("client outside", "API", 8081, "no"),
    ("client outside", "API", 8082, "no"),
    ("stranger", "API", 8081, "no"),
    ("stranger", "MySQL", 3306, "no"),
    ("own node", "API", 8082, "yes"),
    ("another node", "API", 8082, "no"),
    ("API", "another API", 8080, "yes"),
    ("API", "another API", 8081, "no"),
    ("API", "MySQL", 3306, "yes"),
    ("API", "MySQL", 33060, "no"),
    ("API", "registry", 5000, "no"),
    ("operator", "registry", 5000, "yes"),
    ("stranger", "registry", 5000, "no"),
    ("MySQL", "registry", 5000, "no"),
    ("another node", "registry", 5000, "no"),
    ("another node", "registry", 5001, "yes"),
    ("registry", "MySQL", 3306, "no"),
    ("registry", "DNS", 53, "no"),
    ("registry", "internet", 443, "no"),
    ("API", "Kubernetes API", 6443, "yes"),
    ("API", "DNS", 53, "yes"),
    ("API", "internet", 80, "no"),
    ("operator", "API", 8080, "no"),
    ("operator", "MySQL", 3306, "no"),
    ("operator", "Kubernetes API", 6443, "yes"),
    ("operator", "DNS", 53, "yes"),
    ("operator", "Git server", 9418, "yes"),
    ("operator", "internet", 80, "yes"),
    ("operator", "another node", 30500, "no"),
    ("stranger", "operator", 8081, "no"),
    ("client outside", "operator", 8081, "no"),
    ("own node", "operator", 8081, "yes"),
    ("MySQL", "DNS", 53, "no"),
    ("MySQL", "internet", 443, "no"),
    ("MySQL", "API", 8080, "no"),
]

# Addresses that are not the internet, whoever asks, each in one range of those that are closed.
CLOSED = [
    *("0.0.0.1", "10.0.0.1", "10.255.255.254", "100.64.0.1", "100.100.100.200", "100.127.255.254"),
    *("127.0.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.254"),
    *("192.0.0.192", "192.0.2.1", "192.168.0.1", "192.168.255.254", "168.63.129.16"),
    *("198.18.0.1", "198.19.255.254", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1"),
    *("240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
    *("64:ff9b::a00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "100::1", "2001::1"),
    *("2001:db8::1", "2002:a9fe:a9fe::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fdff:ffff::1"),
    *("fe80::1", "febf::1", "fec0::1", "ff02::1"),
]
# Neighbours of those ranges that are the internet.
OPEN = [
    *("1.0.0.1", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "126.255.255.255"),
    *("128.0.0.1", "169.253.255.255", "169.255.0.1", "172.15.255.255", "172.32.0.1", "192.0.1.1"),
    *("192.167.255.255", "192.169.0.1", "168.63.129.15", "198.17.255.255", "198.20.0.1"),
    *("223.255.255.255", "2001:4860:4860::8888", "2003::1", "2606:4700:4700::1111"),
]


def rendered(find: Find, *flags: str) -> Networks:
    """What the chart tells the operator of networks."""
    deployment = find("Deployment", "raworc-operator", *flags)
    (containers,) = [
        container["env"]
        for container in deployment["spec"]["template"]["spec"]["containers"]
        if container["name"] == "operator"
    ]
    (told,) = [entry["value"] for entry in containers if entry["name"] == "RAWORC_NETWORKS"]
    return Networks.model_validate_json(told)


def network(networks: Networks, release: list[Manifest], **spec: object) -> Network:
    """All policies of a cluster with the release and two spaces, the first of them as specified."""
    bases = BaseImages(python="", node=None, rust=None)
    settings = Settings("raworc-", "", "", "", False, bases, "", "", networks=networks)  # noqa: FBT003
    spaces = {"team": SpaceSpec.model_validate(spec), "other": SpaceSpec()}
    return Network(
        [policy for name, one in spaces.items() for policy in network_policies(name, one, settings)]
        + [found for found in release if found["kind"] == "NetworkPolicy"]
    )


GIT = ("--set", "builds.egress[0].namespace=demo-git,builds.egress[0].ports[0]=9418")


@pytest.fixture
def usual(find: Find, render: Render) -> Network:
    """The policies of the chart's own values, with a Git server in the cluster."""
    return network(rendered(find, *GIT), render(*GIT))


@pytest.mark.parametrize(
    ("source", "target", "port", "verdict"),
    PAIRS,
    ids=[f"{source} -> {target}:{port}" for source, target, port, _ in PAIRS],
)
def test_who_reaches_whom(
    usual: Network, source: str, target: str, port: int, verdict: str
) -> None:
    assert usual.allows(PLACES[source], PLACES[target], port) is (verdict == "yes")


@pytest.mark.parametrize("source", ["session", "build", "operator"])
def test_names_are_asked_over_both_protocols(usual: Network, source: str) -> None:
    for protocol in ("UDP", "TCP"):
        assert usual.allows(PLACES[source], PLACES["DNS"], 53, protocol)


@pytest.mark.parametrize("source", ["session", "build", "operator"])
@pytest.mark.parametrize("address", CLOSED)
def test_what_is_not_the_internet_is_not_reached(usual: Network, source: str, address: str) -> None:
    assert not usual.allows(PLACES[source], Place(address), 80)


@pytest.mark.parametrize("source", ["session", "build", "operator"])
@pytest.mark.parametrize("address", OPEN)
def test_the_neighbours_of_what_is_closed_are_reached(
    usual: Network, source: str, address: str
) -> None:
    assert usual.allows(PLACES[source], Place(address), 80)


@pytest.mark.parametrize("cidr", PRIVATE_RANGES)
def test_no_range_could_be_left_out_unnoticed(find: Find, cidr: str) -> None:
    networks = rendered(find)
    rest = tuple(one for one in networks.private_ranges if one != cidr)
    assert len(rest) == len(networks.private_ranges) - 1
    opened = network(networks.model_copy(update={"private_ranges": rest}), [])
    assert any(opened.allows(PLACES["session"], Place(address), 80) for address in CLOSED)


def test_every_pod_of_the_release_and_of_a_space_is_closed_both_ways(
    find: Find, render: Render
) -> None:
    release = render()
    policies = network(rendered(find), release)
    parts = [
        (found["metadata"]["namespace"], found["spec"]["template"]["metadata"]["labels"])
        for found in release
        if found["kind"] in {"Deployment", "StatefulSet"}
    ]
    assert len(parts) == 4
    for namespace, own in (*parts, ("raworc-team", {})):
        one = Pod("10.244.0.99", None, namespace, own)
        assert policies.selecting(one, "ingress"), own
        assert policies.selecting(one, "egress"), own


def test_a_space_can_end_the_internet_for_its_sessions(find: Find) -> None:
    closed = network(rendered(find), [], network={"internet": False})
    assert not closed.allows(PLACES["session"], PLACES["internet"], 443)
    assert not closed.allows(PLACES["session"], PLACES["internet by IPv6"], 443)
    assert closed.allows(PLACES["session"], PLACES["DNS"], 53)
    assert closed.allows(PLACES["build"], PLACES["internet"], 443)
    assert closed.allows(PLACES["session of another space"], PLACES["internet"], 443)


def test_the_chart_can_end_the_internet_where_a_space_does_not_say(find: Find) -> None:
    networks = rendered(find, "--set", "networks.internet=false,builds.internet=false")
    silent = network(networks, [])
    assert not silent.allows(PLACES["session"], PLACES["internet"], 443)
    assert not silent.allows(PLACES["build"], PLACES["internet"], 443)
    asking = network(networks, [], network={"internet": True})
    assert asking.allows(PLACES["session"], PLACES["internet"], 443)


def test_a_space_opens_ranges_and_ports_for_its_sessions_alone(find: Find) -> None:
    egress = [{"cidr": "192.168.7.0/24", "ports": [5432]}, {"cidr": "fd00:7::/32"}]
    opened = network(rendered(find), [], network={"egress": egress})
    database, other = Place("192.168.7.9"), Place("192.168.8.9")
    assert opened.allows(PLACES["session"], database, 5432)
    assert opened.allows(PLACES["session"], database, 5432, "UDP")
    assert opened.allows(PLACES["session"], Place("fd00:7::1"), 22)
    assert not opened.allows(PLACES["session"], database, 22)
    assert not opened.allows(PLACES["session"], other, 5432)
    assert not opened.allows(PLACES["build"], database, 5432)
    assert not opened.allows(PLACES["session of another space"], database, 5432)


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "::/0"])
def test_a_space_that_opens_everything_opens_neither_metadata_nor_the_cluster(
    find: Find, cidr: str
) -> None:
    ranges = "{10.96.0.0/16,2001:db8:1::/48,172.18.0.0/16}"
    networks = rendered(find, "--set", f"networks.clusterRanges={ranges}")
    opened = network(networks, [], network={"egress": [{"cidr": cidr}]})
    mine = Place("192.168.0.1") if cidr == "0.0.0.0/0" else Place("fd00::1")
    assert opened.allows(PLACES["session"], mine, 80)
    for address in ("169.254.169.254", "127.0.0.1", "224.0.0.1", "::1", "fe80::1", "ff02::1"):
        assert not opened.allows(PLACES["session"], Place(address), 80)
    for address in ("10.96.0.1", "172.18.0.2", "2001:db8:1::1"):
        assert not opened.allows(PLACES["session"], Place(address), 443)


def test_the_ranges_of_the_cluster_are_not_the_internet_and_no_space_may_name_them(
    find: Find, render: Render
) -> None:
    flags = ("--set", "networks.clusterRanges={34.118.224.0/20}")
    closed = network(rendered(find, *flags), render(*flags))
    for source in ("session", "build", "operator"):
        assert not closed.allows(PLACES[source], Place("34.118.224.10"), 80)
    asked = SpaceSpec.model_validate({"network": {"egress": [{"cidr": "34.118.224.10/32"}]}})
    assert refused_egress(asked.network, rendered(find, *flags)) == (
        "`network.egress[0].cidr` must not be inside of the cluster's own ranges"
        " (34.118.224.0/20), but is '34.118.224.10/32'."
    )
    assert refused_egress(asked.network, rendered(find)) is None
    assert refused_egress(None, rendered(find, *flags)) is None


def test_the_chart_opens_namespaces_and_ranges_for_all_sessions(find: Find) -> None:
    models = pod("10.244.0.40", "models", app="gateway")
    flags = ("--set", "networks.egress[0].namespace=models,networks.egress[0].ports[0]=8000")
    opened = network(rendered(find, *flags), [], network={"internet": False})
    for source in ("session", "session of another space"):
        assert opened.allows(PLACES[source], models, 8000)
        assert not opened.allows(PLACES[source], models, 22)
    assert not opened.allows(PLACES["build"], models, 8000)


def test_the_kubernetes_api_can_be_named_for_the_parts(find: Find, render: Render) -> None:
    ranges = "networks.kubernetesApi.ranges={172.18.0.2/32},networks.kubernetesApi.ports={6443}"
    named = network(rendered(find, "--set", ranges), render("--set", ranges))
    for source in ("API", "operator"):
        assert named.allows(PLACES[source], PLACES["Kubernetes API"], 6443)
        assert not named.allows(PLACES[source], PLACES["another node"], 6443)
        assert not named.allows(PLACES[source], PLACES["service of the Kubernetes API"], 443)


def test_without_a_bundled_registry_and_mysql_there_is_no_way_to_theirs(
    find: Find, render: Render
) -> None:
    release = render(values="external")
    told = rendered(lambda *one: find(*one, values="external"))
    assert told.registry is None
    external = network(told, release)
    assert not external.allows(PLACES["build"], PLACES["registry"], 5000)
    assert external.allows(PLACES["API"], Place("10.20.0.5"), 3307)
    assert not external.allows(PLACES["API"], PLACES["MySQL"], 3306)
