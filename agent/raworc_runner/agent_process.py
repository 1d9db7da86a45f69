"""One agent, loaded in a process of its own."""

import os
import select
import signal
import time

from raworc_runner.catalogue import Agent
from raworc_runner.channel import Channel, Event
from raworc_runner.reaper import Ending


class AgentProcess:
    """A started process: a channel to it, and how it ends."""

    def __init__(self, agent: Agent, pid: int, mark: str, channel: Channel, ending: Ending) -> None:
        self.agent = agent
        self.pid = pid
        self.mark = mark
        """What its environment, and that of what it starts, is marked with."""
        self.channel = channel
        self.ending = ending
        self.is_ready = False
        """Whether it has said that the agent is loaded."""
        self.failure: Event | None = None
        """Why it has said that the agent cannot be loaded, or that the process ends."""

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended."""
        return self.ending.exit_code is not None

    def interrupt(self) -> None:
        """Ask the process, and what is in its group, to end."""
        try:
            os.killpg(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            return

    def await_end(self, deadline: float) -> None:
        """Wait until the process has ended, or until ``deadline``."""
        waiter = select.poll()
        waiter.register(self.ending.fd, select.POLLIN)
        waiter.poll(max(0.0, deadline - time.monotonic()) * 1000)
