"""Runs the runner as PID 1 of the agents' container.

The image starts it with ``python3 -I -S`` and the folder that holds a copy of this file: neither
the environment, nor the working folder, nor the home on the volume has a say in what it imports.
"""

import os
import socket
import sys

from raworc_runner.catalogue import Agent, read_catalogue
from raworc_runner.channel import Channel
from raworc_runner.journal import note
from raworc_runner.launcher import Folders, Launcher
from raworc_runner.loaded_agents import LoadedAgents
from raworc_runner.log_pump import LogPump
from raworc_runner.protection import ImpairedError, leave, refuse_tracing
from raworc_runner.reaper import Reaper
from raworc_runner.runner import Runner
from raworc_runner.session_volume import prepare
from raworc_runner.settings import Settings, from_environment
from raworc_runner.stop import Stop

# The host ends first, after the running turn; see its own grace.
GRACE_SECONDS = 28.0
# How often the host is looked for that is not there yet.
_QUICK_SECONDS, _QUICK_TRIES, _PATIENT_SECONDS = 0.01, 300, 0.25


def main() -> int:
    """Serve one host after the other, until told to stop; return the exit code."""
    settings = from_environment(os.environ)
    stop = Stop(GRACE_SECONDS)
    stop.install()
    agents = read_catalogue(settings.agents_dir.parent / "agents.json")
    pump = LogPump()
    loaded = LoadedAgents(_launcher(settings, pump))
    refuse_tracing()
    while (connection := _connect(settings.socket, stop)) is not None:
        with connection:
            host = Channel(connection.fileno(), connection.fileno())
            runner = Runner(host, agents, loaded, stop)
            runner.introduce()
            try:
                if (expected := _expected(agents, settings.agent)) is not None:
                    runner.warm(expected.name)
                runner.run()
            except (ImpairedError, OSError, MemoryError) as error:
                # Here, while the connection is still ours.
                leave(error)
    pump.drain()
    return 0


def _launcher(settings: Settings, pump: LogPump) -> Launcher:
    temporary = prepare(settings)
    if settings.session_dir.is_dir():
        # For agents, which inherit it; everything of the runner is imported by now.
        os.chdir(settings.session_dir)
    folders = Folders(settings.agents_dir, settings.runtimes_dir, settings.session_dir / "logs")
    environment = {**settings.environment, "TMPDIR": str(temporary)}
    return Launcher(folders, environment, Reaper(), pump)


def _connect(path: str, stop: Stop) -> socket.socket | None:
    """Connect to the host, as soon as it listens; None when told to stop."""
    tries = 0
    while not stop.requested:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(path)
        except OSError as error:
            connection.close()
            tries += 1
            if tries == _QUICK_TRIES:
                note(f"the host does not listen at {path}: {error}")
            stop.pause(_QUICK_SECONDS if tries < _QUICK_TRIES else _PATIENT_SECONDS)
        else:
            return connection
    return None


def _expected(agents: tuple[Agent, ...], default: str | None) -> Agent | None:
    """Return the agent that will most likely answer first."""
    named = [agent for agent in agents if agent.name == default]
    return named[0] if named else agents[0] if len(agents) == 1 else None


if __name__ == "__main__":
    sys.exit(main())
