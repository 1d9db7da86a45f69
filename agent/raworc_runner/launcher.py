"""Starts the process of an agent, in the environment that agents are promised."""

import fcntl
import os
import signal
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from raworc_runner.agent_process import AgentProcess
from raworc_runner.catalogue import Agent
from raworc_runner.channel import Channel
from raworc_runner.log_files import LogFiles
from raworc_runner.log_pump import LogPump, LogStream
from raworc_runner.processes import MARK
from raworc_runner.protection import Limits
from raworc_runner.reaper import Reaper
from raworc_runner.runtimes import command

# Where a runtime finds its channel.
_ORDERS_FD, _EVENTS_FD = 3, 4
_LOWEST_OWN_FD = 10
# An agent's streams, and which of the pod's own shows each.
_STREAMS = (("stdout", 1), ("stderr", 2))


class Folders(NamedTuple):
    """Where agents, what loads them, and their logs lie."""

    agents: Path
    runtimes: Path
    logs: Path


class Pipe(NamedTuple):
    """The two ends of a pipe."""

    read: int
    write: int


class Launcher:
    """Starts agents' processes."""

    def __init__(
        self, folders: Folders, environment: Mapping[str, str], reaper: Reaper, pump: LogPump
    ) -> None:
        self._folders = folders
        self._environment = environment
        self._reaper = reaper
        self._pump = pump
        self._started = 0
        self._limits = Limits()

    def start(self, agent: Agent) -> AgentProcess:
        """Start the process of an agent; an OSError or ImpairedError says why that fails."""
        self._limits.insist()
        folder = self._folders.agents / agent.name
        arguments = command(agent, self._folders.runtimes, folder)
        orders, events, *outputs = (_pipe() for _ in range(2 + len(_STREAMS)))
        theirs = (orders.read, events.write, *(output.write for output in outputs))
        ours = (orders.write, events.read, *(output.read for output in outputs))
        self._started += 1
        mark = f"{agent.name}-{self._started}"
        environment = {**self._environment, MARK: mark}
        spawn = partial(_spawn, arguments, environment, theirs)
        try:
            pid, ending = self._reaper.spawn(spawn)
        except OSError:
            _close(ours)
            raise
        finally:
            _close(theirs)
        for (name, mirror_fd), output in zip(_STREAMS, outputs, strict=True):
            files = LogFiles(self._folders.logs, agent.name, name)
            self._pump.add(output.read, LogStream(agent.name, files, mirror_fd))
        return AgentProcess(agent, pid, mark, Channel(events.read, orders.write), ending)


def _pipe() -> Pipe:
    """Make a pipe whose ends are out of the way of the descriptors a process is given."""
    ends = os.pipe()
    moved = Pipe(*(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _LOWEST_OWN_FD) for fd in ends))
    _close(ends)
    return moved


def _close(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)


def _spawn(arguments: list[str], environment: Mapping[str, str], fds: Sequence[int]) -> int:
    orders, events, stdout, stderr = fds
    return os.posix_spawn(
        arguments[0],
        arguments,
        environment,
        file_actions=(
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, stdout, 1),
            (os.POSIX_SPAWN_DUP2, stderr, 2),
            (os.POSIX_SPAWN_DUP2, orders, _ORDERS_FD),
            (os.POSIX_SPAWN_DUP2, events, _EVENTS_FD),
        ),
        # A session, and so a group, of its own: it can be killed with all that it started.
        setsid=True,
        setsigdef=(signal.SIGPIPE,),
    )
