"""What the chart says of networks: where the cluster's own parts are, and what counts as inside."""

from typing import Self

from pydantic import Field, model_validator

from raworc_crds.network import PRIVATE_RANGES, Cidr, Port, Ports
from raworc_crds.wire import Wire

Labels = dict[str, str]


class Pods(Wire):
    """Pods of one namespace, and a port of theirs."""

    namespace: str
    labels: Labels
    port: Port


class Dns(Wire):
    """Who answers for names: pods, and addresses of no pod, such as a node's own cache."""

    namespace: str = "kube-system"
    labels: Labels = Field(default_factory=lambda: {"k8s-app": "kube-dns"})
    ranges: tuple[Cidr, ...] = ()


class Opening(Wire):
    """One more thing that may be reached: a range of addresses, or all pods of a namespace."""

    cidr: Cidr | None = None
    namespace: str | None = None
    ports: Ports | None = None

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        if bool(self.cidr) == bool(self.namespace):
            raise ValueError("either `cidr` or `namespace` must be set")
        return self


class Reach(Wire):
    """What sessions, or builds, may reach beyond DNS and Raworc's own parts."""

    internet: bool = True
    egress: tuple[Opening, ...] = ()


class Networks(Wire):
    """The networks around spaces.

    ``private_ranges`` are what the internet is not; a space may open them for its sessions.
    ``cluster_ranges`` are what no space may open.
    """

    dns: Dns = Dns()
    # The port of the API server that hosts call, and the bundled registry, if there is one.
    hosts: Pods | None = None
    registry: Pods | None = None
    private_ranges: tuple[Cidr, ...] = PRIVATE_RANGES
    cluster_ranges: tuple[Cidr, ...] = ()
    sessions: Reach = Reach()
    builds: Reach = Reach()
