"""The Dockerfile of a space's image."""

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from raworc_sources.checkout.layout import (
    AGENTS_FOLDER,
    BASE_PYTHON,
    BUILD_KEY_LABEL,
    IMAGE_USER,
    ROOT,
    TRUST_VARIABLES,
    VENVS_FOLDER,
)

_PIP = "-m pip --python {venv}/bin/python install -q --no-cache-dir --no-input"


@dataclass(frozen=True, slots=True)
class Installation:
    """What is run for one agent while the image is built."""

    name: str
    pip: tuple[str, ...] = ()
    command: str | None = None

    @property
    def venv(self) -> str:
        """Where the agent's own packages are."""
        return f"{ROOT}/{VENVS_FOLDER}/{self.name}"

    @property
    def python(self) -> str:
        """The interpreter that runs the agent."""
        return f"{self.venv}/bin/python" if self.pip else BASE_PYTHON

    def script(self) -> str:
        """Return what the shell runs; nothing for an agent that is complete as it is."""
        steps = [f"cd {ROOT}/{AGENTS_FOLDER}/{self.name}", "export HOME=/tmp"]
        if self.pip:
            install = f"{BASE_PYTHON} {_PIP.format(venv=self.venv)} {shlex.join(self.pip)}"
            steps += [
                # pip of the base image installs into it: unpacking another one takes seconds.
                f"{BASE_PYTHON} -m venv --without-pip {self.venv}",
                install,
                f"export PATH={self.venv}/bin:$PATH",
            ]
        if self.command:
            steps.append(self.command)
        return " && ".join(steps) if self.pip or self.command else ""


def render_dockerfile(
    base_image: str, build_key: str, installations: Iterable[Installation]
) -> str:
    """Write the Dockerfile: one layer for all code, and one for each agent that installs."""
    scripts = [script for installation in installations if (script := installation.script())]
    lines = [
        f"FROM {base_image}",
        f"LABEL {BUILD_KEY_LABEL}={build_key}",
        f"COPY --chown={IMAGE_USER}:{IMAGE_USER} . {ROOT}/",
        f"USER {IMAGE_USER}",
    ]
    if scripts:
        lines += [f"ARG {name}" for name in TRUST_VARIABLES]
    lines += [f"RUN {json.dumps(['/bin/sh', '-ec', script])}" for script in scripts]
    return "\n".join(lines) + "\n"
