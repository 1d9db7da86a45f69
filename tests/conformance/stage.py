"""The real runner on an image's agents; the host's end of its socket is held here."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from raworc_host.conversation import Claim, Failed, Message, order_of
from raworc_host.door import Door, Runner
from raworc_host.turn import describe_ending
from raworc_runner.channel import Event

ROOT = Path(__file__).parents[2]
PATIENCE = 10.0
# PID 1 of a container adopts orphans; a subreaper does so on a machine that has its own PID 1.
AS_PID_1 = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-I", "-S", sys.argv[1]])
"""


@dataclass
class Reply:
    """How a turn ended: an answer, or a failure with its reason."""

    pieces: list[str] = field(default_factory=list)
    answer: str | None = None
    failed: Failed | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self.answer is not None or self.failed is not None


class Turn:
    """A message that an agent has, and what came of it so far."""

    def __init__(self, stage: "Stage", number: int) -> None:
        self._stage = stage
        self.number = number
        self.reply = Reply()
        self.is_stopped = False
        self.is_loaded = False
        self._texts: list[str] = []

    def end(self) -> Reply:
        """Wait until it has ended."""
        self._stage.wait(lambda: self.reply.is_over)
        return self.reply

    def first_piece(self) -> str:
        """Wait for something to show while the agent still speaks."""
        self._stage.wait(lambda: bool(self._texts))
        assert not self.reply.is_over
        return self._texts[0]

    def stop(self) -> None:
        """End it as a host does that waits no longer."""
        self._stage.host.stop_turn(self.number, 0.5)
        self._stage.wait(lambda: self.is_stopped)

    def take(self, event: Event) -> None:
        """Take what the runner says of it."""
        match event["type"]:
            case "loaded":
                self.is_loaded = True
            case "piece" | "answer":
                self._texts.append(str(event["text"]))
                if event.get("is_last"):
                    self.reply = Reply(self._texts[:-1], "".join(self._texts))
            case "failed":
                self.reply.failed = Failed.told(event["reason"], event["message"])
            case "ended":
                code = event["exit_code"]
                self.reply.failed = describe_ending(code, is_loaded=self.is_loaded)
            case "stopped":
                self.is_stopped = True


class Stage:
    """A volume, an image with one agent, and a runner."""

    def __init__(self, folder: Path) -> None:
        self.session = folder / "session"
        self.state = self.session / "state"
        self._image = folder / "image"
        self._output = folder / "output"
        # A socket's path may have 107 characters.
        self._socket = Path(mkdtemp(prefix="raworc-")) / "host.sock"
        self._door = Door(self._socket)
        self._runner: subprocess.Popen[bytes] | None = None
        self._turn: Turn | None = None
        self.session.mkdir()
        (self._image / "agents" / "agent").mkdir(parents=True)

    @property
    def folder(self) -> Path:
        """The folder of the agent."""
        return self._image / "agents" / "agent"

    @property
    def host(self) -> Runner:
        """The runner as a host sees it."""
        assert self._door.runner is not None, self.output()
        return self._door.runner

    def put(self, files: Mapping[str, str], **entry: Any) -> None:  # noqa: ANN401 - JSON
        """Put the agent into the image: its files, and its entry in the list of agents."""
        for name, text in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)
        (self._image / "agents.json").write_text(json.dumps([{"name": "agent", **entry}]))

    def start(self) -> None:
        """Start the runner, and wait until it has come to its host."""
        program = self._image / "runner"
        program.mkdir()
        (program / "raworc_runner").symlink_to(ROOT / "agent" / "raworc_runner")
        (program / "__main__.py").symlink_to(ROOT / "agent" / "raworc_runner" / "__main__.py")
        with self._output.open("ab") as output:
            self._runner = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-c", AS_PID_1, str(program)],
                env=self._environment(),
                stdout=output,
                stderr=output,
            )
        self.wait(lambda: self._door.runner is not None and self._door.runner.is_ready)

    def give(self, text: str, history: Sequence[Mapping[str, Any]] = ()) -> Turn:
        """Give the agent a message."""
        order = order_of(CLAIM, message(text, history), "agent", text)
        self._turn = Turn(self, self.host.order("agent", order))
        return self._turn

    def ask(self, text: str, history: Sequence[Mapping[str, Any]] = ()) -> Reply:
        """Give the agent a message, and wait for what comes of it."""
        return self.give(text, history).end()

    def wait(self, condition: Callable[[], bool]) -> None:
        """Attend to the runner until something has happened."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, self.output()
            self._attend()

    def output(self) -> str:
        """Return what the log of the container shows."""
        return self._output.read_text() if self._output.exists() else ""

    def logs(self, stream: str) -> str:
        """Return what the agent's log files hold."""
        files = sorted((self.session / "logs").glob(f"agent_*_{stream}.log"))
        return "".join(file.read_text() for file in files)

    def dismiss(self) -> None:
        """Let the runner go, and with it its agent, in peace."""
        self._door.dismiss()

    def close(self) -> None:
        """End the runner, and with it its agent."""
        self.dismiss()
        self._door._listening.close()
        if self._runner is not None:
            self._runner.send_signal(signal.SIGTERM)
            self._runner.wait(PATIENCE)
        rmtree(self._socket.parent)

    def _attend(self) -> None:
        waiter = select.poll()
        waiter.register(self._door.fd, select.POLLIN)
        runner = self._door.runner
        if runner is not None:
            wanted = select.POLLIN | (select.POLLOUT if runner.channel.pending else 0)
            waiter.register(runner.channel.read_fd, wanted)
        waiter.poll(100)
        self._door.tend()
        if runner is not None:
            runner.channel.flush()
            for event in runner.receive():
                if self._turn is not None and event.get("turn") == self._turn.number:
                    self._turn.take(event)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(self.session),
            "RAWORC_SESSION_ID": "s-1",
            "RAWORC_SPACE": "demo",
            "RAWORC_SESSION_DIR": str(self.session),
            "RAWORC_AGENTS_DIR": str(self._image / "agents"),
            "RAWORC_RUNTIMES_DIR": str(ROOT / "agent" / "runtimes"),
            "RAWORC_SOCKET": str(self._socket),
        }


CLAIM = Claim.parse(
    {
        "session_id": "s-1",
        "space": "demo",
        "created_by": "anna",
        "metadata": {"team": "a"},
        "settings": {"tone": "kind"},
    }
)


def message(text: str, history: Sequence[Mapping[str, Any]]) -> Message:
    """Write a message as the API server hands it out."""
    wire = {
        "id": "m-1",
        "content": text,
        "metadata": {"tier": "gold"},
        "created_at": "2030-01-02T03:04:05Z",
        "attempt": 2,
    }
    return Message.parse({"message": wire, "history": history})
