"""The values of networks: what is inside, what is outside, and what may be reached besides."""

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from raworc_crds.network import PRIVATE_RANGES

from .wire import Name, Port, Values, Words

_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_FOUR = rf"{_OCTET}(\.{_OCTET}){{3}}/(3[0-2]|[12]?[0-9])"
_SIX = "[0-9a-f:]*:[0-9a-f:.]*/(12[0-8]|1[01][0-9]|[1-9]?[0-9])"
# A template finds bits behind the prefix; the operator looks closer at IPv6.
Cidr = Annotated[str, StringConstraints(pattern=f"^({_FOUR}|{_SIX})$", max_length=43)]
Cidrs = Annotated[list[Cidr], Field(max_length=128)]
Ports = Annotated[list[Port], Field(max_length=16)]


class Opening(Values):
    """One more thing that may be reached: a range of addresses, or the pods of a namespace."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["cidr"]}, {"required": ["namespace"]}]}
    )

    cidr: Cidr | None = Field(None, description="range of addresses")
    namespace: Name | None = Field(None, description="name of a namespace, for all of its pods")
    ports: Ports | None = Field(
        None, description="ports, for TCP and UDP alike; all of them if left out"
    )


Openings = Annotated[list[Opening], Field(max_length=64)]


class Dns(Values):
    """Who answers for names."""

    namespace: Annotated[str, StringConstraints(min_length=1, max_length=63)] = Field(
        "kube-system", description="namespace of its pods"
    )
    # Empty, as Helm would add a default to the labels that are given.
    pod_labels: Words = Field({}, description="labels of its pods; empty: k8s-app: kube-dns")
    ranges: Cidrs = Field(
        ["169.254.20.10/32"],
        description="addresses that answer besides, such as those of NodeLocal DNSCache",
    )


class KubernetesApi(Values):
    """Where the API server and the operator find the Kubernetes API."""

    ranges: Cidrs = Field([], description="its addresses; empty: any, as the chart cannot know")
    ports: Annotated[list[Port], Field(min_length=1, max_length=16)] = Field(
        [443, 6443], description="its ports, those behind the service included"
    )


class Networks(Values):
    """What sessions, builds and the parts may reach."""

    internet: bool = Field(
        default=True,
        description="whether sessions reach the public internet where their Space does not say",
    )
    egress: Openings = Field(
        [], description="what all sessions reach besides: {cidr or namespace, ports}"
    )
    private_ranges: Cidrs = Field(
        list(PRIVATE_RANGES),
        description="what is not the public internet; a Space may open parts of it",
    )
    cluster_ranges: Cidrs = Field(
        [],
        description=(
            "addresses of nodes, pods, services and the Kubernetes API; needed where they are"
            " public ones, and no Space may open them"
        ),
    )
    dns: Dns = Field(Dns(), description="who answers for names")
    kubernetes_api: KubernetesApi = Field(
        KubernetesApi(), description="the Kubernetes API, for the API server and the operator"
    )
