"""The accounts of registries, as `docker login` writes them down; pure."""

from base64 import b64decode
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from raworc_sources.image_reference import split_address

# Docker Hub is one registry with several names.
HUB = "docker.io"
_HUB_NAMES = {"index.docker.io", "registry-1.docker.io"}


class Account(NamedTuple):
    """Who asks a registry."""

    user: str
    password: str


class InvalidAccountsError(Exception):
    """The text is not what `docker login` writes; what it says instead is not repeated."""


class _Entry(BaseModel):
    username: str = ""
    password: str = ""
    # "user:password" in base64, which takes the place of both.
    auth: str = ""


class _Config(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    auths: dict[str, _Entry] = {}


def find_account(config: str | bytes, host: str) -> Account | None:
    """Return the account for a registry, or None where there is none for it."""
    try:
        entries = _Config.model_validate_json(config).auths
        wanted = registry_name(host)
        found = next((one for at, one in entries.items() if registry_name(at) == wanted), None)
        return _account(found) if found else None
    except (ValidationError, ValueError):
        # What these errors say may have a password in it.
        raise InvalidAccountsError from None


def registry_name(address: str) -> str:
    """Return the registry that an address means, whatever is written around it."""
    host, _ = split_address(address.removeprefix("https://").removeprefix("http://"))
    return HUB if host in _HUB_NAMES else host


def _account(entry: _Entry) -> Account:
    if not entry.auth:
        return Account(entry.username, entry.password)
    user, _, password = b64decode(entry.auth, validate=True).decode().partition(":")
    return Account(user, password)
