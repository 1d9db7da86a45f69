"""What the sessions of a space may reach, and the address ranges that this is said in."""

import re
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from raworc_crds.wire import Wire

Range = IPv4Network | IPv6Network

# Addresses of one's own machine or link, where a node's metadata and credentials are; and groups.
NEVER_REACHED = (
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "::/127",
    "fe80::/10",
    "ff00::/8",
)

# What is not the internet: IANA's registries of special addresses, and what embeds such a one.
# IPv4-mapped addresses (::ffff:0:0/96) go over the wire as IPv4, and no policy may name them.
PRIVATE_RANGES = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
    # The last one is where Azure's machines ask for their own settings.
    *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "168.63.129.16/32"),
    *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    *("::/127", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32"),
    *("2001:db8::/32", "2002::/16", "3fff::/20", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
)

_SHAPE = r"[0-9a-f.:]+/(0|[1-9][0-9]{0,2})"
_FORM = "must be a network in its shortest form, such as '10.1.0.0/16' or 'fd00:1::/32'"
_REACHED = f"must not be inside of {', '.join(NEVER_REACHED)}"
_NEVER = f"[{', '.join(repr(cidr) for cidr in NEVER_REACHED)}]"


def parse_range(text: str) -> Range:
    """Read a range of addresses, which must be in its canonical form."""
    try:
        found = ip_network(text)
    except ValueError as error:
        raise ValueError(_FORM) from error
    first = found.network_address
    is_mapped = isinstance(first, IPv6Address) and first.ipv4_mapped is not None
    if is_mapped or not re.fullmatch(_SHAPE, text) or str(found) != text:
        raise ValueError(_FORM)
    return found


def covers(outer: Range, inner: Range) -> bool:
    """Say whether all of one range is in another; the two families have nothing in common."""
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def _check_range(text: str) -> str:
    parse_range(text)
    return text


def _check_reachable(text: str) -> str:
    found = parse_range(text)
    if any(covers(ip_network(never), found) for never in NEVER_REACHED):
        raise ValueError(_REACHED)
    return text


def _check_unique(ports: list[int]) -> list[int]:
    # The CRD says the same by the list's type.
    if len(set(ports)) < len(ports):
        raise ValueError("`ports` must not name a port twice")
    return ports


# A range of addresses in CIDR notation.
Cidr = Annotated[str, StringConstraints(max_length=43), AfterValidator(_check_range)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Ports = Annotated[
    list[Port],
    Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "set"}),
    AfterValidator(_check_unique),
]
_ReachableCidr = Annotated[
    str,
    StringConstraints(max_length=43),
    AfterValidator(_check_reachable),
    Field(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "isCIDR(self) && string(cidr(self).masked()) == self",
                    "message": f"`cidr` {_FORM}",
                },
                {
                    "rule": f"!isCIDR(self) || !{_NEVER}"
                    ".exists(range, cidr(range).containsCIDR(cidr(self)))",
                    "message": f"`cidr` {_REACHED}",
                },
            ]
        }
    ),
]


class Egress(Wire):
    """A range of addresses that sessions may reach."""

    cidr: _ReachableCidr = Field(
        description="Range of addresses in its shortest form, such as '10.1.0.0/16'."
    )
    ports: Ports | None = Field(
        None, description="Ports, for TCP and UDP alike; all of them if not set."
    )


class Network(Wire):
    """What the sessions of a space may reach beside DNS and the API."""

    internet: bool | None = Field(
        None,
        description="Whether they reach the public internet; the chart's value if not set.",
    )
    egress: Annotated[
        list[Egress],
        Field(max_length=32, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = Field(
        default_factory=list,
        description="Ranges that they reach besides, but for those that the chart keeps closed"
        " (`networks.clusterRanges`).",
    )
