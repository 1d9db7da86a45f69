"""Names of images and registries: what in them is the host, the repository and the tag; pure."""

from typing import NamedTuple


class Reference(NamedTuple):
    """An image, by its parts."""

    host: str
    repository: str
    # A tag, or a digest.
    version: str


def split_address(address: str) -> tuple[str, str]:
    """Split ``host[:port][/path]`` into the host, and what comes before names of repositories."""
    host, _, path = address.partition("/")
    return host, f"{path.rstrip('/')}/" if path else ""


def split_reference(reference: str, own_address: str) -> Reference:
    """Split an image reference; without a registry in it, it is below ``own_address``."""
    whole = reference if _names_host(reference) else f"{own_address}/{reference}"
    host, _, path = whole.partition("/")
    if "@" in path:
        repository, _, digest = path.partition("@")
        return Reference(host, repository.rpartition(":")[0] or repository, digest)
    repository, colon, tag = path.rpartition(":")
    return Reference(host, repository, tag) if colon else Reference(host, path, "latest")


def _names_host(reference: str) -> bool:
    first, slash, _ = reference.partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost")
