"""The socket at which the runner comes in, and what it says.

The host listens in a folder that it shares with the agents' container, where the folder is
read-only: an agent may connect to the socket, but not put another in its place. There is one
runner. It connects before it starts any agent and stays connected, and while it does, everybody
else is turned away. When its container is killed, every process in there is gone with it, so
whoever connects then is the next runner. (docs/decisions/0010)
"""

import select
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path

from raworc_host.agents import Agent
from raworc_runner.channel import Channel, Event, FrameError, parts
from raworc_runner.journal import note
from raworc_runner.stop import Stop

_BACKLOG = 8
_MAX_AGENTS = 256
# A name is a label, and a runner cuts a profile itself: whoever says more is no runner of ours.
_MAX_NAME, _MAX_PROFILE = 63, 8192
_PROTOCOL = 1


class Runner:
    """The runner that is connected: its agents, and a channel to it."""

    def __init__(self, connection: socket.socket) -> None:
        self.agents: list[Agent] = []
        self.is_ready = False
        """Whether it has introduced its agents."""
        self.channel = Channel(connection.fileno(), connection.fileno())
        self._connection = connection
        self._turns = 0

    def receive(self) -> Sequence[Event]:
        """Return what it has said of turns; a FrameError says that it makes no sense."""
        return [event for event in self.channel.receive() if not self._is_introduction(event)]

    def order(self, agent: str, texts: Iterable[str]) -> int:
        """Ask an agent for an answer; return the number of the turn."""
        self._turns += 1
        for text, is_last in _filled(texts):
            self.channel.send(
                {
                    "type": "order",
                    "turn": self._turns,
                    "agent": agent,
                    "text": text,
                    "is_last": is_last,
                }
            )
        return self._turns

    def stop_turn(self, turn: int, grace_seconds: float) -> None:
        """Ask for the end of the agent whose turn it is."""
        grace = int(grace_seconds * 1000)
        self.channel.send({"type": "stop", "turn": turn, "grace_milliseconds": grace})

    def dismiss(self) -> None:
        """Let the runner end its agents in peace."""
        self.channel.send({"type": "goodbye"})

    def close(self) -> None:
        """Leave the runner; it ends its agents, and comes again."""
        self._connection.close()

    def _is_introduction(self, event: Event) -> bool:
        match event.get("type"):
            case "agent" if not self.is_ready:
                self._add(Agent(str(event.get("name")), str(event.get("profile"))))
            case "hello" if not self.is_ready:
                if event.get("protocol") != _PROTOCOL:
                    raise FrameError(
                        "The image is of another version of Raworc; rebuild the space."
                    )
                self.is_ready = True
            case _:
                return False
        return True

    def _add(self, agent: Agent) -> None:
        if len(self.agents) == _MAX_AGENTS:
            raise FrameError(f"The image has more than {_MAX_AGENTS} agents.")
        if len(agent.name) > _MAX_NAME or len(agent.profile) > _MAX_PROFILE:
            raise FrameError(
                f"An agent's name has more than {_MAX_NAME} characters, "
                f"or its profile more than {_MAX_PROFILE}."
            )
        self.agents.append(agent)


def _filled(texts: Iterable[str]) -> Iterable[tuple[str, bool]]:
    """Join short texts and cut long ones, so that every frame is about full but for the last."""
    waiting = ""
    for text in texts:
        waiting += text
        *full, (waiting, _) = parts(waiting)
        for part, _ in full:
            yield part, False
    yield waiting, True


class Door:
    """Lets one runner in, and turns everybody else away."""

    def __init__(self, path: Path) -> None:
        self.runner: Runner | None = None
        path.unlink(missing_ok=True)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.settimeout(0)
        self._listening.bind(str(path))
        # The agents' user is in the group of the folder, and so of the socket.
        path.chmod(0o660)
        self._listening.listen(_BACKLOG)

    @property
    def fd(self) -> int:
        """Readable when somebody is at the door."""
        return self._listening.fileno()

    def tend(self) -> None:
        """Let a runner in, or turn away who comes while there is one."""
        try:
            connection, _ = self._listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        if self.runner is None:
            self.runner = Runner(connection)
        else:
            connection.close()

    def dismiss(self) -> None:
        """Let the runner end well, if one is connected."""
        if self.runner is not None:
            self.runner.dismiss()
            self.drop()

    def drop(self) -> None:
        """Drop the runner, if one is connected."""
        if self.runner is not None:
            self.runner.close()
        self.runner = None

    def look(self) -> None:
        """Hear what the runner says while no turn runs: its introduction, and its end."""
        if self.runner is None:
            return
        try:
            self.runner.receive()
        except FrameError as error:
            note(f"the runner was dropped: {error}")
            self.drop()
            return
        if self.runner.channel.has_ended:
            note("the runner has gone")
            self.drop()


class Attention:
    """What a wait between two turns attends to: signals, and runners that come and go."""

    def __init__(self, door: Door, stop: Stop) -> None:
        self.door = door
        self.stop = stop

    def fds(self) -> Sequence[int]:
        """Return what becomes readable when there is something to attend to."""
        runner = self.door.runner
        channel = () if runner is None else (runner.channel.read_fd,)
        return (self.stop.fd, self.door.fd, *channel)

    def is_due(self) -> bool:
        """Attend to what there is; say whether the wait is to be given up."""
        self.stop.acknowledge()
        self.door.tend()
        self.door.look()
        return self.stop.requested or self.door.runner is None

    def await_runner(self) -> bool:
        """Wait until a runner has introduced itself; False when told to stop before."""
        self.is_due()
        while not self.stop.requested:
            if self.door.runner is not None and self.door.runner.is_ready:
                return True
            waiter = select.poll()
            for fd in self.fds():
                waiter.register(fd, select.POLLIN)
            waiter.poll()
            self.is_due()
        return False
