"""The settings of the host: read once from the pod's environment, and passed down."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

# Of no use to agents. (An agent could still read the token's file, as both run as one user; what
# the token is good for is this session's own messages.)
_NOT_FOR_AGENTS = frozenset(
    {"PYTHONPATH", "PYTHONHOME", "RAWORC_TOKEN_FILE", "RAWORC_RUNTIMES_DIR"}
)


class Settings(NamedTuple):
    """What the operator and the image tell the host.

    A named tuple, because importing ``dataclasses`` costs as much as the rest of a start.
    """

    api_url: str
    session_dir: Path
    agents_dir: Path
    state_dir: Path
    cache_dir: Path
    runtimes_dir: Path
    token_file: Path
    agent: str | None
    busy_timeout_seconds: float
    environment: Mapping[str, str]
    """What agents inherit."""


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read the settings, or say which one is wrong."""
    session_dir = environ.get("RAWORC_SESSION_DIR", "/session")
    folders = {
        "RAWORC_SESSION_DIR": session_dir,
        "RAWORC_AGENTS_DIR": environ.get("RAWORC_AGENTS_DIR", "/opt/raworc/agents"),
        "RAWORC_STATE_DIR": environ.get("RAWORC_STATE_DIR", f"{session_dir}/state"),
        "RAWORC_CACHE_DIR": environ.get("RAWORC_CACHE_DIR", f"{session_dir}/cache"),
    }
    inherited = {name: text for name, text in environ.items() if name not in _NOT_FOR_AGENTS}
    return Settings(
        api_url=_url(environ),
        session_dir=Path(session_dir),
        agents_dir=Path(folders["RAWORC_AGENTS_DIR"]),
        state_dir=Path(folders["RAWORC_STATE_DIR"]),
        cache_dir=Path(folders["RAWORC_CACHE_DIR"]),
        runtimes_dir=Path(environ.get("RAWORC_RUNTIMES_DIR", "/opt/raworc/runtimes")),
        token_file=Path(environ.get("RAWORC_TOKEN_FILE", "/var/run/secrets/raworc/token")),
        agent=environ.get("RAWORC_AGENT") or None,
        busy_timeout_seconds=_seconds(environ, "RAWORC_BUSY_TIMEOUT_SECONDS", "600"),
        environment={**inherited, **folders},
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
