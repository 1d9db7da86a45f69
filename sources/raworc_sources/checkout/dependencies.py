"""What an agent needs installed beside its own code."""

import tomllib
from pathlib import Path
from typing import Any

from raworc_crds.space import SpaceReason
from raworc_sources.problems import SourceError

REQUIREMENTS = "requirements.txt"
PYPROJECT = "pyproject.toml"


def pip_arguments(folder: Path, name: str) -> list[str]:
    """Return what pip is asked to install, in the agent's folder; nothing if the agent is alone."""
    if (folder / REQUIREMENTS).is_file():
        return ["-r", REQUIREMENTS] if _asks_for_something(folder / REQUIREMENTS) else []
    if (folder / PYPROJECT).is_file():
        return _of_project(_parsed(folder / PYPROJECT, name))
    return []


def _asks_for_something(file: Path) -> bool:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return any(line.strip() and not line.lstrip().startswith("#") for line in lines)


def _parsed(file: Path, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        words = f"Agent '{name}': '{PYPROJECT}' is not TOML: {error}."
        raise SourceError(SpaceReason.INVALID_MANIFEST, words) from error


def _of_project(content: dict[str, Any]) -> list[str]:
    project = content.get("project")
    if project is None:
        # Only a build tool knows the dependencies, if this file is not just for linters.
        return ["."] if "build-system" in content else []
    if "dependencies" in project.get("dynamic", []):
        return ["."]
    # The agent runs from its folder: its dependencies are installed, not the agent itself.
    return ["--", *project.get("dependencies", [])] if project.get("dependencies") else []
