"""The real host process on a volume, an image and a fake API server."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.component.raworc_host.fake_api import FakeServer

ROOT = Path(__file__).parents[3]
# PID 1 of a pod adopts orphans; a subreaper does so on a machine that has its own PID 1.
AS_PID_1 = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-P", "-m", "raworc_host"])
"""


class Bed:
    """A volume, an image's agents, an API server, and hosts that run on them."""

    def __init__(self, folder: Path, server: FakeServer) -> None:
        self.folder = folder
        self.session = folder / "session"
        self.agents = folder / "image" / "agents"
        self.token = folder / "token"
        self.api = server.api
        self.server = server
        self.environment: dict[str, str] = {}
        self._listed: list[dict[str, Any]] = []
        self._running = ExitStack()
        self.session.mkdir()
        self.agents.mkdir(parents=True)
        self.token.write_text("first-token\n")

    def agent(self, name: str, code: str, **entry: Any) -> None:  # noqa: ANN401 - JSON
        """Put an agent into the image."""
        (self.agents / name).mkdir()
        (self.agents / name / "main.py").write_text(code)
        self._list({"name": name, "python": sys.executable, **entry})

    def example(self, name: str, **entry: Any) -> None:  # noqa: ANN401 - JSON
        """Put one of the repository's examples into the image."""
        source = ROOT / "examples" / "agents" / name
        (self.agents / name).symlink_to(source)
        manifest = json.loads((source / "raworc.json").read_text())
        self._list({"name": name, "python": sys.executable, **manifest, **entry})

    def start(self, *, wait: bool = True) -> subprocess.Popen[bytes]:
        """Start a host; ``wait`` for its claim."""
        claims = self.api.claims
        with (self.folder / "output").open("ab") as output:
            host = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-c", AS_PID_1],
                env=self._environment(),
                stdout=output,
                stderr=output,
                cwd=self.folder,
            )
        self._running.callback(self._end, host)
        if wait:
            self.api.wait_for(lambda: self.api.claims > claims)
        return host

    def output(self) -> str:
        """Return what the pod's log shows."""
        return (self.folder / "output").read_text()

    def logs(self, pattern: str) -> str:
        """Return what stands in the log files on the volume."""
        files = sorted((self.session / "logs").glob(pattern))
        return "".join(file.read_text() for file in files)

    def close(self) -> None:
        """End every host."""
        self._running.close()

    def _end(self, host: subprocess.Popen[bytes]) -> None:
        if host.poll() is None:
            host.send_signal(signal.SIGTERM)
            host.send_signal(signal.SIGTERM)
            try:
                host.wait(5)
            except subprocess.TimeoutExpired:
                host.kill()
        host.wait(5)

    def _list(self, entry: Mapping[str, Any]) -> None:
        self._listed.append(dict(entry))
        (self.agents.parent / "agents.json").write_text(json.dumps(self._listed))

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(ROOT / "agent"),
            "RAWORC_API_URL": f"http://127.0.0.1:{self.server.port}",
            "RAWORC_SESSION_ID": "s-1",
            "RAWORC_SPACE": "demo",
            "RAWORC_SESSION_DIR": str(self.session),
            "RAWORC_AGENTS_DIR": str(self.agents),
            "RAWORC_RUNTIMES_DIR": str(ROOT / "agent" / "runtimes"),
            "RAWORC_TOKEN_FILE": str(self.token),
            **self.environment,
        }
