"""Where a repository lies, and whether the operator may go there."""

import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from raworc_crds.space import SpaceReason
from raworc_sources.problems import SourceError, UnreachableError

_PORTS = {"http": 80, "https": 443, "git": 9418}

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

    A URL is a stranger's text, and the operator stands where strangers must not reach: the address
    is looked at here, and the same address is used later, so that a name cannot change in between.
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
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_global and not address.is_multicast
