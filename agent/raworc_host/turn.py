"""One turn: a message is given to an agent's process, until it answers or cannot."""

import select
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from raworc_host.agent_process import AgentProcess
from raworc_host.conversation import Answered, Failed, Json
from raworc_host.stop import Stop

Outcome = Answered | Failed


class Order(NamedTuple):
    """What a process is asked to answer, and by when."""

    turn: str
    """Tells events of this turn from those that threads of an earlier one send late."""
    message: str
    context: Json
    busy_seconds: float


class Turn:
    """One order in the hands of one process."""

    def __init__(
        self, process: AgentProcess, order: Order, stop: Stop, on_piece: Callable[[str], None]
    ) -> None:
        self._process = process
        self._order = order
        self._stop = stop
        self._on_piece = on_piece
        self._deadline = time.monotonic() + order.busy_seconds
        self._is_sent = False
        self.has_free_process = False
        """Whether the process can take another turn: it has said how this one ended."""

    def run(self) -> Outcome | None:
        """Return how the turn ended; None when the host had to stop before."""
        if self._process.is_ready:
            self._send()
        while (now := time.monotonic()) < (deadline := min(self._deadline, self._stop.deadline)):
            self._wait(deadline - now)
            # Looked at before its last words are read: then none of them can be missed.
            has_ended = self._process.has_ended
            for event in self._process.channel.receive():
                if outcome := self._take(event):
                    self.has_free_process = self._is_sent
                    return outcome
            if has_ended:
                return self._ended()
        return self._timed_out() if self._deadline <= time.monotonic() else None

    def _wait(self, seconds: float) -> None:
        channel = self._process.channel
        waiter = select.poll()
        waiter.register(self._stop.fd, select.POLLIN)
        waiter.register(self._process.ending.fd, select.POLLIN)
        if not channel.has_ended:
            waiter.register(channel.read_fd, select.POLLIN)
        if channel.is_sending:
            waiter.register(channel.write_fd, select.POLLOUT)
        waiter.poll(seconds * 1000)
        channel.flush()
        self._stop.acknowledge()

    def _send(self) -> None:
        order = self._order
        self._is_sent = True
        self._process.channel.send(
            {"turn": order.turn, "message": order.message, "context": order.context}
        )

    def _take(self, event: Json) -> Outcome | None:
        """Take what the process says; see the runtimes for what it may say."""
        kind, is_ours = event.get("type"), event.get("turn") == self._order.turn
        if kind == "ready":
            self._process.is_ready = True
            self._send()
        elif kind == "piece" and is_ours:
            self._on_piece(str(event.get("text", "")))
        elif kind == "answer" and is_ours:
            return Answered(str(event.get("content", "")))
        elif kind == "failed" and (is_ours or not self._is_sent):
            return Failed(str(event.get("reason")), str(event.get("message")))
        return None

    def _ended(self) -> Failed:
        return describe_ending(self._process.ending.exit_code or 0, is_loaded=self._is_sent)

    def _timed_out(self) -> Failed:
        doing = "answer" if self._is_sent else "load"
        return Failed(
            "BusyTimeout",
            f"The agent did not {doing} within {self._order.busy_seconds:g} seconds.",
        )


def describe_ending(exit_code: int, *, is_loaded: bool) -> Failed:
    """Say how a process ended that should have answered."""
    when = "while it answered" if is_loaded else "while it was loaded"
    if exit_code == -signal.SIGKILL:
        return Failed(
            "AgentKilled",
            f"The agent was killed by SIGKILL {when}; it probably ran out of memory.",
        )
    how = f"exited with code {exit_code}" if exit_code >= 0 else f"was ended by {_name(-exit_code)}"
    return Failed("AgentExited" if is_loaded else "LoadFailed", f"The agent {how} {when}.")


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
