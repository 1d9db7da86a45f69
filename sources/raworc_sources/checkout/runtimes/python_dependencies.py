"""What a Python agent needs installed beside its own code."""

from typing import Any

from raworc_sources.checkout.runtimes.runtime import CheckedOut

UV_LOCK = "uv.lock"
_REQUIREMENTS = "requirements.txt"
_PYPROJECT = "pyproject.toml"


def pip_arguments(agent: CheckedOut) -> list[str]:
    """Return what pip is asked to install, in the agent's folder; nothing if the agent is alone."""
    if agent.has(_REQUIREMENTS):
        return ["-r", _REQUIREMENTS] if _asks_for_something(agent.read(_REQUIREMENTS)) else []
    return _of_project(agent.read_toml(_PYPROJECT)) if agent.has(_PYPROJECT) else []


def _asks_for_something(requirements: str) -> bool:
    lines = requirements.splitlines()
    return any(line.strip() and not line.lstrip().startswith("#") for line in lines)


def _of_project(content: dict[str, Any]) -> list[str]:
    project = content.get("project")
    if project is None:
        # Only a build tool knows the dependencies, if this file is not just for linters.
        return ["."] if "build-system" in content else []
    if "dependencies" in project.get("dynamic", []):
        return ["."]
    # The agent runs from its folder: its dependencies are installed, not the agent itself.
    return ["--", *project.get("dependencies", [])] if project.get("dependencies") else []
