"""The agents that are loaded: one process for each, kept between messages."""

import time

from raworc_host.agent_process import AgentProcess
from raworc_host.catalogue import Agent
from raworc_host.journal import note
from raworc_host.launcher import Launcher

_GOODBYE_SECONDS = 2.0


class LoadedAgents:
    """Processes by agent, started when first needed and again after they ended."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._processes: dict[str, AgentProcess] = {}

    def warm(self, agent: Agent) -> None:
        """Start loading an agent ahead of its first message."""
        try:
            self.get(agent)
        except OSError as error:
            note(f"agent '{agent.name}' cannot be started: {error}")

    def get(self, agent: Agent) -> AgentProcess:
        """Return the agent's process, a new one if there is none or it has ended."""
        process = self._processes.get(agent.name)
        if process is not None and process.has_ended:
            self.drop(process)
            process = None
        if process is None:
            process = self._processes[agent.name] = self._launcher.start(agent)
        return process

    def drop(self, process: AgentProcess) -> None:
        """End a process at once; the agent's next message gets a new one."""
        if self._processes.pop(process.agent.name, None) is process:
            process.dismiss()
            process.end(deadline=0.0)

    def stop(self, *, at_once: bool) -> None:
        """End every process, after a while to leave by itself unless ``at_once``."""
        processes = list(self._processes.values())
        self._processes.clear()
        deadline = time.monotonic() + (0.0 if at_once else _GOODBYE_SECONDS)
        for process in processes:
            process.dismiss()
        for process in processes:
            process.end(deadline)
