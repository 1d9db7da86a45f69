"""The settings of the host: read once from its container's environment, and passed down."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Settings(NamedTuple):
    """What the operator tells the host.

    A named tuple, because importing ``dataclasses`` costs as much as the rest of a start.
    """

    api_url: str
    authorities: str | None
    """The certificates, as PEM, that the API server's own must come from; None means the usual."""
    token_file: Path
    socket: Path
    busy_timeout_seconds: float


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read the settings, or say which one is wrong."""
    return Settings(
        api_url=_url(environ),
        authorities=environ.get("RAWORC_API_AUTHORITIES") or None,
        token_file=Path(environ.get("RAWORC_TOKEN_FILE", "/var/run/secrets/raworc/token")),
        socket=Path(environ.get("RAWORC_SOCKET", "/run/raworc/host.sock")),
        busy_timeout_seconds=_seconds(environ, "RAWORC_BUSY_TIMEOUT_SECONDS", "600"),
    )


def _url(environ: Mapping[str, str]) -> str:
    url = environ.get("RAWORC_API_URL", "")
    if not url.startswith(("http://", "https://")):
        raise SystemExit(f"RAWORC_API_URL must be an http or https URL, but is '{url}'.")
    return url.rstrip("/")


def _seconds(environ: Mapping[str, str], name: str, default: str) -> float:
    text = environ.get(name, default)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise SystemExit(f"{name} must be a number of seconds above 0, but is '{text}'.")
    return seconds
