"""The settings of the runner: read once from its container's environment, and passed down."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

# What concerns the runner alone.
_NOT_FOR_AGENTS = frozenset({"PYTHONPATH", "PYTHONHOME", "RAWORC_RUNTIMES_DIR", "RAWORC_SOCKET"})


class Settings(NamedTuple):
    """What the operator and the image tell the runner.

    A named tuple, because importing ``dataclasses`` costs as much as the rest of a start.
    """

    session_dir: Path
    agents_dir: Path
    state_dir: Path
    cache_dir: Path
    runtimes_dir: Path
    socket: str
    agent: str | None
    environment: Mapping[str, str]
    """What agents inherit."""


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read the settings."""
    session_dir = environ.get("RAWORC_SESSION_DIR", "/session")
    folders = {
        "RAWORC_SESSION_DIR": session_dir,
        "RAWORC_AGENTS_DIR": environ.get("RAWORC_AGENTS_DIR", "/opt/raworc/agents"),
        "RAWORC_STATE_DIR": environ.get("RAWORC_STATE_DIR", f"{session_dir}/state"),
        "RAWORC_CACHE_DIR": environ.get("RAWORC_CACHE_DIR", f"{session_dir}/cache"),
    }
    inherited = {name: text for name, text in environ.items() if name not in _NOT_FOR_AGENTS}
    return Settings(
        session_dir=Path(session_dir),
        agents_dir=Path(folders["RAWORC_AGENTS_DIR"]),
        state_dir=Path(folders["RAWORC_STATE_DIR"]),
        cache_dir=Path(folders["RAWORC_CACHE_DIR"]),
        runtimes_dir=Path(environ.get("RAWORC_RUNTIMES_DIR", "/opt/raworc/runtimes")),
        socket=environ.get("RAWORC_SOCKET", "/run/raworc/host.sock"),
        agent=environ.get("RAWORC_AGENT") or None,
        # HOME is on the volume, so Python would run what it finds in ~/.local before the agent:
        # one bad `.pth` there would keep the session from ever answering again.
        environment={**inherited, **folders, "PYTHONNOUSERSITE": "1"},
    )
