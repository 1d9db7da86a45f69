"""Wires the host and runs it as PID 1 of a session pod: ``python -m raworc_host``."""

import os
import sys
import time

from raworc_host.answering import Answering
from raworc_host.catalogue import Agent, read_catalogue
from raworc_host.connection import Connection
from raworc_host.host import ExitCode, Host
from raworc_host.launcher import Folders, Launcher
from raworc_host.loaded_agents import LoadedAgents
from raworc_host.log_pump import LogPump
from raworc_host.piece_poster import PiecePoster
from raworc_host.platform_api import PlatformApi
from raworc_host.pod_token import PodToken
from raworc_host.reaper import Reaper
from raworc_host.session_volume import prepare
from raworc_host.settings import Settings, from_environment
from raworc_host.stop import Stop


def main() -> int:
    """Run the host; return the exit code."""
    settings = from_environment(os.environ)
    stop = Stop()
    stop.install()
    pump = LogPump()
    agents = read_catalogue(settings.agents_dir.parent / "agents.json")
    loaded = LoadedAgents(_launcher(settings, pump))
    # The agent loads while the session is claimed.
    if (expected := _expected(agents, settings.agent)) is not None:
        loaded.warm(expected)
    code = _host(settings, agents, loaded, stop).run()
    loaded.stop(at_once=code is ExitCode.FENCED or time.monotonic() > stop.deadline)
    pump.drain()
    return code


def _launcher(settings: Settings, pump: LogPump) -> Launcher:
    temporary = prepare(settings)
    if settings.session_dir.is_dir():
        os.chdir(settings.session_dir)
    folders = Folders(settings.agents_dir, settings.runtimes_dir, settings.session_dir / "logs")
    environment = {**settings.environment, "TMPDIR": str(temporary)}
    return Launcher(folders, environment, Reaper(), pump)


def _expected(agents: tuple[Agent, ...], default: str | None) -> Agent | None:
    """Return the agent that will most likely answer first."""
    named = [agent for agent in agents if agent.name == default]
    return named[0] if named else agents[0] if len(agents) == 1 else None


def _host(settings: Settings, agents: tuple[Agent, ...], loaded: LoadedAgents, stop: Stop) -> Host:
    token = PodToken(settings.token_file)
    # Pieces go over a connection of their own: a slow one must not hold an answer back.
    pieces = PiecePoster(PlatformApi(Connection(settings.api_url), token))
    answering = Answering(agents, loaded, pieces, stop, settings.busy_timeout_seconds)
    return Host(PlatformApi(Connection(settings.api_url), token), answering, stop)


if __name__ == "__main__":
    sys.exit(main())
