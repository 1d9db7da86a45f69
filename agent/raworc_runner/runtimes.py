"""The command that runs an agent, by its runtime.

A runtime finds its orders at descriptor 3 and tells of its answers at 4, in the frames that
``raworc_runtime.channel`` describes; it is given the folder of the agent and the handler's name.
``tests/conformance`` holds what else it must do.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from raworc_runner.catalogue import Agent

_PYTHON = "/usr/bin/python3"
_NODE = "/usr/bin/node"

Command = list[str]


class UnknownRuntimeError(OSError):
    """The agent's runtime is none of ours."""


def command(agent: Agent, runtimes: Path, folder: Path) -> Command:
    """Return the command that runs an agent, whose code is in ``folder``."""
    if agent.runtime not in _COMMANDS:
        raise UnknownRuntimeError(f"The runtime '{agent.runtime}' is unknown to this image.")
    return _COMMANDS[agent.runtime](agent, runtimes, folder)


def _python(agent: Agent, runtimes: Path, folder: Path) -> Command:
    # Unbuffered, so that a log shows what an agent printed before it hung or died.
    start = runtimes / "python" / "start.py"
    return [agent.program or _PYTHON, "-u", str(start), str(folder), agent.handler]


def _node(agent: Agent, runtimes: Path, folder: Path) -> Command:
    start = runtimes / "node" / "start.mjs"
    return [agent.program or _NODE, str(start), str(folder), agent.handler]


def _rust(agent: Agent, runtimes: Path, _: Path) -> Command:
    # Isolated as the runner is, by whose Python it runs: nothing of the agent's is in it.
    start = runtimes / "rust" / "start.py"
    return [sys.executable, "-I", "-S", "-u", str(start), str(agent.program), agent.handler]


_COMMANDS: Mapping[str, Callable[[Agent, Path, Path], Command]] = {
    "python": _python,
    "node": _node,
    "rust": _rust,
}
