"""``raworc`` as its users run it: a process with a login of its own."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.waiting import STARTED


@dataclass(frozen=True)
class CommandLine:
    """The folder that keeps the login, and what else stands in the environment."""

    home: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        """Run one command to its end, whichever that is."""
        return subprocess.run(  # noqa: S603 - the arguments are ours
            [sys.executable, "-m", "raworc", *arguments],
            env={"XDG_CONFIG_HOME": str(self.home), **self.environ},
            input=given,
            capture_output=True,
            text=True,
            timeout=STARTED,
            check=False,
        )
