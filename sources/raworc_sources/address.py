"""Where a repository is, and whether it may be asked."""

import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from raworc_crds.space import SpaceReason
from raworc_sources.problems import SourceError, UnreachableError

_PORTS = {"http": 80, "https": 443, "git": 9418}

# Python counts these as public, but an address in them may lead to a private IPv4 address that is
# embedded in it (NAT64, 6to4, Teredo, IPv4-compatible), or to a relay into such a range.
_TRANSLATED = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/23", "::/96"),
        *("192.88.99.0/24", "192.0.0.0/24"),
    )
)
# All that IANA has given out for hosts of the internet.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")

Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True)
class Address:
    """A repository, with the addresses that its host had when they were looked at."""

    url: str
    scheme: str
    host: str
    port: int
    # Empty for a host that may have any address: then nothing is pinned.
    pinned: tuple[str, ...] = ()

    @property
    def location(self) -> str:
        """What git is pointed to; in its own protocol the address takes the place of the name."""
        if self.scheme != "git" or not self.pinned:
            return self.url
        path = urlsplit(self.url).path
        return f"git://{self.pinned[0]}:{self.port}{path}"

    @property
    def resolution(self) -> str | None:
        """What curl is told of the host, so that it asks no name service."""
        if self.scheme == "git" or not self.pinned:
            return None
        return f"{self.host}:{self.port}:{','.join(self.pinned)}"


def repository_url(repo: str) -> str:
    """Return the URL of a repository; 'owner/name' is on GitHub."""
    return repo if "://" in repo else f"https://github.com/{repo}"


def resolve_host(host: str, port: int) -> list[str]:
    """Ask the name service for the addresses of a host."""
    found = socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)
    return [str(entry[4][0]) for entry in found]


def parse_address(
    repo: str, internal_hosts: Iterable[str], resolve: Resolve = resolve_host
) -> Address:
    """Find a repository's host, and refuse one that is inside the cluster or its networks.

    A URL is a stranger's text, and it is read inside the cluster, where strangers must not reach:
    the address is looked at here and used later, so that a name cannot change in between.
    """
    url = repository_url(repo)
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = _port(url)
    address = Address(url, parts.scheme, host, port)
    if host in internal_hosts:
        return address
    addresses = _addresses(host, port, resolve)
    inside = next((found for found in addresses if not _is_public(found)), None)
    if inside is not None:
        raise SourceError(
            SpaceReason.REPOSITORY_REFUSED,
            f"Repository '{url}' is refused: '{host}' has the internal address {inside}.",
        )
    pinned = tuple(f"[{found}]" if ":" in found else found for found in addresses)
    return Address(url, parts.scheme, host, port, pinned)


def _port(url: str) -> int:
    parts = urlsplit(url)
    try:
        return parts.port or _PORTS[parts.scheme]
    except ValueError as error:
        words = f"Repository '{url}' is refused: {error}."
        raise SourceError(SpaceReason.REPOSITORY_REFUSED, words) from error


def _addresses(host: str, port: int, resolve: Resolve) -> list[str]:
    try:
        return list(dict.fromkeys(resolve(host, port)))
    except (OSError, UnicodeError) as error:
        raise UnreachableError(f"The host '{host}' is not known: {error}.") from error


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return _is_public(str(address.ipv4_mapped))
        if address not in _GLOBAL_UNICAST:
            return False
    # `in` is false between the versions.
    translated = any(address in network for network in _TRANSLATED)
    return address.is_global and not address.is_multicast and not translated
