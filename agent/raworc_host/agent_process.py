"""One agent, loaded in a process of its own."""

import os
import select
import signal
import time

from raworc_host.catalogue import Agent
from raworc_host.channel import Channel
from raworc_host.reaper import Ending


class AgentProcess:
    """A started process: a channel to it, and how it ends."""

    def __init__(self, agent: Agent, pid: int, channel: Channel, ending: Ending) -> None:
        self.agent = agent
        self.channel = channel
        self.ending = ending
        self.is_ready = False
        """Whether it has said that the agent is loaded."""
        self._pid = pid

    @property
    def has_ended(self) -> bool:
        """Whether the process is no more."""
        return self.ending.exit_code is not None

    def dismiss(self) -> None:
        """Close the channel: the process reads the end of its orders, and leaves."""
        self.channel.close()

    def end(self, deadline: float) -> None:
        """Wait for a dismissed process until ``deadline``, then kill what is left of it."""
        waiter = select.poll()
        waiter.register(self.ending.fd, select.POLLIN)
        waiter.poll(max(0.0, deadline - time.monotonic()) * 1000)
        try:
            # The whole group: what an agent started does not outlive it.
            os.killpg(self._pid, signal.SIGKILL)
        except ProcessLookupError:
            return
