"""The agents that are loaded: one process for each, kept between messages."""

import time
from collections.abc import Iterator

from raworc_runner.agent_process import AgentProcess
from raworc_runner.catalogue import Agent
from raworc_runner.launcher import Launcher
from raworc_runner.processes import end_all

_GOODBYE_SECONDS = 2.0


class LoadedAgents:
    """Processes by agent, started when first needed and again after they ended."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._processes: dict[str, AgentProcess] = {}

    def __iter__(self) -> Iterator[AgentProcess]:
        """Iterate over the processes that there are now."""
        return iter(tuple(self._processes.values()))

    def get(self, agent: Agent) -> AgentProcess:
        """Return the agent's process, a new one if there is none; an OSError says why not."""
        process = self._processes.get(agent.name)
        if process is None:
            process = self._processes[agent.name] = self._launcher.start(agent)
        return process

    def interrupt(self, process: AgentProcess, grace_seconds: float) -> None:
        """End a process by SIGTERM and, after a grace, with all that it started, by SIGKILL."""
        process.interrupt()
        process.await_end(time.monotonic() + grace_seconds)
        self.drop(process)

    def drop(self, process: AgentProcess) -> None:
        """End a process at once, with all that it started; the next message gets a new one."""
        if self._processes.pop(process.agent.name, None) is process:
            process.channel.close()
            self._end(process)

    def stop(self, *, at_once: bool) -> None:
        """End every process, after a while to leave by itself unless ``at_once``."""
        processes = tuple(self._processes.values())
        deadline = time.monotonic() + (0.0 if at_once else _GOODBYE_SECONDS)
        for process in processes:
            # It reads the end of its orders, and leaves.
            process.channel.close()
        for process in processes:
            process.await_end(deadline)
        self._processes.clear()
        for process in processes:
            self._end(process)

    def _end(self, process: AgentProcess) -> None:
        others = self._processes.values()
        end_all(
            process.pid,
            process.mark,
            {other.pid for other in others},
            {other.mark for other in others},
        )
