"""The runtimes, each with an agent that does what a message says (``agents/``).

A new runtime has an entry here and an agent that knows the same commands; it conforms when
every test of this folder passes.
"""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AGENTS = Path(__file__).parent / "agents"


@dataclass(frozen=True)
class Runtime:
    """One runtime, and its agent of this suite."""

    name: str
    handler: str
    file: str
    # The program that runs an agent: its interpreter. A binary is made by the tests themselves.
    program: str
    # How a failure names the line of the agent that failed.
    place: str
    # Whether the agent stays loaded, and so knows how often it was called.
    is_kept: bool = True

    def files(self) -> Mapping[str, str]:
        """Return the agent's files."""
        return {self.file: (AGENTS / self.name / self.file).read_text()}

    def entry(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Return the agent's entry in the list of agents."""
        runs = {"runtime": self.name, "handler": self.handler, "program": self.program}
        return {**runs, **changes}


PYTHON = Runtime(
    "python", "main.process_message", "main.py", sys.executable, r"main\.py:\d+ in fail"
)
NODE = Runtime(
    "node",
    "index.processMessage",
    "index.js",
    str(shutil.which("node")),
    r"index\.js:\d+ in .*fail",
)
RUST = Runtime("rust", "lib.answer", "src/main.rs", "", r"src/main\.rs:\d+", is_kept=False)

RUNTIMES = (PYTHON, NODE, RUST)
