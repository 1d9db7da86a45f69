"""Agents in Python."""

import re
import shlex

from raworc_crds.space import SpaceReason
from raworc_sources.checkout.layout import (
    BASE_PYTHON,
    BASE_PYTHON_MINOR,
    ROOT,
    UV_VERSION,
    VENVS_FOLDER,
)
from raworc_sources.checkout.runtimes.python_dependencies import UV_LOCK, pip_arguments
from raworc_sources.checkout.runtimes.python_handler import check_handler
from raworc_sources.checkout.runtimes.runtime import (
    CheckedOut,
    Installation,
    Runtime,
    Step,
    commanded,
)

_DEFAULT_HANDLER = "main.process_message"
_UV = "/tmp/uv"  # noqa: S108 - in the container of a build, which removes it


class Python(Runtime):
    """Python: the one of the base image, or a venv on it for an agent that installs packages."""

    name = "python"
    names = re.compile(r"python(3([.]\d{1,2})?)?")
    handlers = re.compile(r"[A-Za-z_]\w*([.][A-Za-z_]\w*)+", re.ASCII)
    handler_form = f"a module and a function, joined by a dot, such as '{_DEFAULT_HANDLER}'"

    def require(self, agent: CheckedOut) -> None:
        """Refuse a Python that is newer than that of the base image."""
        super().require(agent)
        minor = re.search(r"[.](\d+)$", agent.manifest.runtime or "")
        if minor and int(minor[1]) > BASE_PYTHON_MINOR:
            words = (
                f"the runtime '{agent.manifest.runtime}' is newer than the newest one, which is"
                f" 'python3.{BASE_PYTHON_MINOR}'"
            )
            raise agent.refuse(SpaceReason.UNSUPPORTED_RUNTIME, words)

    def handler(self, agent: CheckedOut) -> str:
        """Return module and function."""
        return agent.manifest.handler or _DEFAULT_HANDLER

    def check(self, agent: CheckedOut) -> None:
        """Look for the function in its module."""
        check_handler(agent, self.handler(agent))

    def installation(self, agent: CheckedOut) -> Installation:
        """Install packages by uv where uv has locked them, else by pip."""
        venv = f"{ROOT}/{VENVS_FOLDER}/{agent.name}"
        packages = _by_uv(venv) if agent.has(UV_LOCK) else _by_pip(venv, pip_arguments(agent))
        steps = (*packages, *commanded(agent))
        if not packages:
            return Installation(agent.name, self, steps, BASE_PYTHON)
        return Installation(agent.name, self, steps, f"{venv}/bin/python", f"{venv}/bin")


def _by_pip(venv: str, arguments: list[str]) -> tuple[Step, ...]:
    if not arguments:
        return ()
    # pip of the base image installs into it: unpacking another one takes seconds.
    pip = f"{BASE_PYTHON} -m pip --python {venv}/bin/python install -q --no-cache-dir --no-input"
    return (
        Step("venv", f"{BASE_PYTHON} -m venv --without-pip {venv}"),
        Step("pip install", f"{pip} {shlex.join(arguments)}"),
    )


def _by_uv(venv: str) -> tuple[Step, ...]:
    # Only where it is used: uv is half as large as the base image.
    install = f"{BASE_PYTHON} -m pip install -q --no-cache-dir --no-input --target {_UV}"
    sync = (
        f"UV_PROJECT_ENVIRONMENT={venv} UV_PYTHON_DOWNLOADS=never {_UV}/bin/uv sync -q --no-cache"
        f" --locked --no-dev --no-install-project --python {BASE_PYTHON}"
    )
    return (
        Step("installing uv", f"{install} uv=={UV_VERSION}"),
        # The agent runs from its folder: its dependencies are installed, not the agent itself.
        Step("uv sync", f"{sync} && rm -r {_UV}"),
    )
