"""The real host and the real runner on a volume, an image and a fake API server."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from tests.component.raworc_host.fake_api import FakeServer

ROOT = Path(__file__).parents[3]
# PID 1 of a container adopts orphans; a subreaper does so on a machine that has its own PID 1.
AS_PID_1 = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
# Of root's files only the group shows whether a process may be traced.
_RUNNERS_GROUP = None if os.getuid() else 10001


class Pod:
    """A host and a runner; what is done to a pod is done to both."""

    def __init__(self, host: subprocess.Popen[bytes], runner: subprocess.Popen[bytes]) -> None:
        self.host = host
        self.runner = runner

    def terminate(self) -> None:
        """Stop both, as the kubelet does."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill both, the one that would notice first."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send a signal to both."""
        for container in (self.host, self.runner):
            container.send_signal(number)

    def poll(self) -> int | None:
        """Return the host's exit code, if it has ended."""
        return self.host.poll()

    def wait(self, seconds: float) -> int:
        """Wait for the host's end, and return its exit code."""
        code = self.host.wait(seconds)
        if code == 0:
            assert self.runner.wait(seconds) == 0
        return code

    def end(self) -> None:
        """End both, whatever state they are in."""
        for container in (self.host, self.runner):
            if container.poll() is None:
                container.send_signal(signal.SIGTERM)
                container.send_signal(signal.SIGTERM)
        for container in (self.host, self.runner):
            try:
                container.wait(5)
            except subprocess.TimeoutExpired:
                container.kill()
            container.wait(5)


class Bed:
    """A volume, an image's agents, an API server, and hosts that run on them."""

    def __init__(self, folder: Path, server: FakeServer) -> None:
        self.folder = folder
        self.session = folder / "session"
        self.agents = folder / "image" / "agents"
        self.token = folder / "token"
        # A socket's path may have 107 characters.
        self.socket = Path(mkdtemp(prefix="raworc-")) / "host.sock"
        self.api = server.api
        self.server = server
        self.scheme = "http"
        self.environment: dict[str, str] = {}
        self._listed: list[dict[str, Any]] = []
        self._running = ExitStack()
        self.runner = folder / "runner"
        self.runner.mkdir()
        (self.runner / "raworc_runner").symlink_to(ROOT / "agent" / "raworc_runner")
        (self.runner / "__main__.py").symlink_to(ROOT / "agent" / "raworc_runner" / "__main__.py")
        self.session.mkdir()
        self.agents.mkdir(parents=True)
        self.token.write_text("first-token\n")

    def agent(self, name: str, code: str, **entry: Any) -> None:  # noqa: ANN401 - JSON
        """Put an agent into the image."""
        (self.agents / name).mkdir()
        (self.agents / name / "main.py").write_text(code)
        self._list({"name": name, "program": sys.executable, **entry})

    def example(self, name: str, **entry: Any) -> None:  # noqa: ANN401 - JSON
        """Put one of the repository's examples into the image."""
        source = ROOT / "examples" / "agents" / name
        (self.agents / name).symlink_to(source)
        manifest = json.loads((source / "raworc.json").read_text())
        self._list({"name": name, "program": sys.executable, **manifest, **entry})

    def start(self, *, wait: bool = True) -> Pod:
        """Start a pod; ``wait`` for its claim."""
        claims = self.api.claims
        pod = Pod(self.start_host(), self.start_runner())
        self._running.callback(pod.end)
        if wait:
            self.api.wait_for(lambda: self.api.claims > claims)
        return pod

    def start_host(self) -> subprocess.Popen[bytes]:
        """Start the host's container."""
        return self._start([sys.executable, "-S", "-P", "-m", "raworc_host"], self._of_host())

    def start_runner(self) -> subprocess.Popen[bytes]:
        """Start the agents' container."""
        # As in the image it is no Python of a venv, which would not look at the home.
        python = str(Path(sys.executable).resolve())
        command = [python, "-I", "-S", "-c", AS_PID_1, python, *_image_flags(), str(self.runner)]
        return self._start(command, self._of_runner(), group=_RUNNERS_GROUP)

    def replace_runner(self, pod: Pod) -> None:
        """Kill all of the agents' container, and start it again, as the kubelet does."""
        # With PID 1 of a container goes all that is in it.
        inside = _descendants(pod.runner.pid)
        pod.runner.kill()
        pod.runner.wait(5)
        for pid in inside:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        pod.runner = self.start_runner()

    def output(self) -> str:
        """Return what the pod's log shows."""
        return (self.folder / "output").read_text()

    def logs(self, pattern: str) -> str:
        """Return what stands in the log files on the volume."""
        files = sorted((self.session / "logs").glob(pattern))
        return "".join(file.read_text() for file in files)

    def close(self) -> None:
        """End every pod."""
        self._running.close()
        rmtree(self.socket.parent)

    def _start(
        self, command: list[str], environment: dict[str, str], group: int | None = None
    ) -> subprocess.Popen[bytes]:
        with (self.folder / "output").open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own program
                command,
                env=environment,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                group=group,
            )

    def _list(self, entry: Mapping[str, Any]) -> None:
        self._listed.append(dict(entry))
        (self.agents.parent / "agents.json").write_text(json.dumps(self._listed))

    def _of_host(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(ROOT / "agent"),
            "RAWORC_API_URL": f"{self.scheme}://127.0.0.1:{self.server.port}",
            "RAWORC_SOCKET": str(self.socket),
            "RAWORC_TOKEN_FILE": str(self.token),
            **self.environment,
        }

    def _of_runner(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(self.session),
            "RAWORC_SESSION_ID": "s-1",
            "RAWORC_SPACE": "demo",
            "RAWORC_SESSION_DIR": str(self.session),
            "RAWORC_AGENTS_DIR": str(self.agents),
            "RAWORC_RUNTIMES_DIR": str(ROOT / "agent" / "runtimes"),
            "RAWORC_SOCKET": str(self.socket),
            **self.environment,
        }


def _image_flags() -> list[str]:
    """Return how the image starts Python for the runner."""
    dockerfile = (ROOT / "agent" / "Dockerfile").read_text()
    (entrypoint,) = re.findall(r"^ENTRYPOINT (.+)$", dockerfile, re.MULTILINE)
    python, *flags, folder = json.loads(entrypoint)
    assert (python, folder) == ("/usr/bin/python3", "/opt/raworc/runner")
    return list(flags)


def _descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [one for child in map(int, children) for one in (child, *_descendants(child))]
