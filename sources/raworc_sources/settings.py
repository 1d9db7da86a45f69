"""What the sources are told by their environment, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from raworc_sources.git import Git
from raworc_sources.registry import ImageRegistry


@dataclass(frozen=True, slots=True)
class Settings:
    """Git and the registry, as they are to be asked."""

    git: Git
    registry: ImageRegistry


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read the settings; they have the operator's names, as its chart sets both."""
    authorities = _path(environ, "RAWORC_CA_BUNDLE")
    address = environ.get("RAWORC_REGISTRY_PUSH")
    if not address:
        raise SystemExit("RAWORC_REGISTRY_PUSH must be set.")
    hosts = environ.get("RAWORC_INTERNAL_GIT_HOSTS", "").split(",")
    return Settings(
        git=Git(frozenset(host.strip().lower() for host in hosts if host.strip()), authorities),
        registry=ImageRegistry(
            address,
            insecure=environ.get("RAWORC_REGISTRY_INSECURE") == "true",
            accounts=_path(environ, "RAWORC_REGISTRY_PUSH_ACCOUNT"),
            authorities=authorities,
        ),
    )


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]) if environ.get(name) else None
