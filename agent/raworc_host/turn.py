"""One turn: a message is given to an agent, until it answers or cannot.

The host believes an agent's container as little as it must: whatever comes is bounded, belongs to
this turn or to none, and ends it at worst. A container that was killed, as it is when it has used
up its memory, takes the runner with it; the host sees the end of its channel.
"""

import select
import signal
import time
from collections.abc import Iterable
from typing import NamedTuple

from raworc_host.conversation import Answered, Attempt, Cancelled, Failed, Outcome
from raworc_host.door import Door, Runner
from raworc_host.heartbeat import Heartbeat
from raworc_host.piece_poster import PiecePoster
from raworc_host.platform_api import FencedError
from raworc_host.spool import Spool, TooLongError
from raworc_runner.channel import Event, FrameError
from raworc_runner.journal import note
from raworc_runner.stop import Stop

# From SIGTERM to SIGKILL, for an agent that does not answer in time or shall not any more.
GRACE_SECONDS = 5.0
_STOP_SECONDS = GRACE_SECONDS + 5.0


class Order(NamedTuple):
    """What an agent is asked to answer, and by when."""

    attempt: Attempt
    agent: str
    texts: Iterable[str]
    busy_seconds: float


class Surroundings(NamedTuple):
    """What a turn attends to beside its agent."""

    door: Door
    stop: Stop
    heartbeat: Heartbeat
    pieces: PiecePoster


class Turn:
    """One order in the hands of one runner."""

    def __init__(self, runner: Runner, order: Order, surroundings: Surroundings) -> None:
        self._runner = runner
        self._order = order
        self._door, self._stop, self._heartbeat, self._pieces = surroundings
        self._deadline = time.monotonic() + order.busy_seconds
        self._spool = Spool()
        self._is_loaded = False
        self._number = 0

    def run(self) -> Outcome | None:
        """Return how the turn ended; None when the host had to stop before."""
        self._pieces.begin(self._order.attempt, self._spool)
        self._heartbeat.begin(self._order.attempt)
        try:
            return self._run()
        except FrameError as error:
            self._door.drop()
            return Failed("AgentError", f"The agent's container sent a malformed frame. {error}")
        finally:
            self._heartbeat.end()
            self._pieces.end()

    def _run(self) -> Outcome | None:
        self._number = self._runner.order(self._order.agent, self._order.texts)
        while time.monotonic() < min(self._deadline, self._stop.deadline):
            self._wait(min(self._deadline, self._stop.deadline))
            if outcome := self._hear():
                return outcome
            if self._runner.channel.has_ended:
                # A pod that is stopped loses its containers one after the other.
                return None if self._stop.requested else self._killed()
            if self._heartbeat.is_fenced:
                self._door.drop()
                raise FencedError("the message has moved on without this pod")
            if self._heartbeat.is_cancelled:
                return self._stopped(Cancelled())
        return self._timed_out() if self._deadline <= time.monotonic() else None

    def _wait(self, deadline: float) -> None:
        channel = self._runner.channel
        waiter = select.poll()
        for fd in (self._stop.fd, self._door.fd, self._heartbeat.fd):
            waiter.register(fd, select.POLLIN)
        waiter.register(channel.read_fd, select.POLLIN | (select.POLLOUT if channel.pending else 0))
        waiter.poll(max(0.0, deadline - time.monotonic()) * 1000)
        channel.flush()
        self._stop.acknowledge()
        self._heartbeat.acknowledge()
        self._door.tend()

    def _hear(self) -> Outcome | None:
        for event in self._runner.receive():
            if event.get("turn") != self._number:
                continue
            try:
                outcome = self._take(event)
            except TooLongError as error:
                return self._stopped(Failed("AnswerTooLarge", str(error)))
            if outcome is not None:
                return outcome
        return None

    def _take(self, event: Event) -> Outcome | None:
        """Take what the runner says of this turn."""
        match event.get("type"):
            case "loaded":
                self._is_loaded = True
            case "piece":
                self._pieces.add(str(event.get("text", "")))
            case "answer":
                self._spool.add(str(event.get("text", "")))
                return Answered(self._spool) if event.get("is_last") is True else None
            case "failed":
                return Failed.told(event.get("reason"), event.get("message"))
            case "ended":
                return describe_ending(event.get("exit_code"), is_loaded=self._is_loaded)
        return None

    def _killed(self) -> Failed:
        note("the agents' container has ended in the middle of a turn")
        self._door.drop()
        return Failed(
            "AgentKilled",
            "The agent's container was killed while the agent "
            f"{'answered' if self._is_loaded else 'was loaded'}; it probably ran out of memory.",
        )

    def _timed_out(self) -> Outcome:
        doing = "answer" if self._is_loaded else "load"
        words = f"The agent did not {doing} within {self._order.busy_seconds:g} seconds."
        return self._stopped(Failed("BusyTimeout", words))

    def _stopped(self, outcome: Outcome) -> Outcome:
        """End the agent, in its grace or after it, and return how the turn ends."""
        self._runner.stop_turn(self._number, GRACE_SECONDS)
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            self._wait(deadline)
            events = self._runner.receive()
            if any(self._is_end(event) for event in events):
                return outcome
            if self._runner.channel.has_ended:
                break
        # It does not do as it is told, or is gone; the next one starts anew.
        self._door.drop()
        return outcome

    def _is_end(self, event: Event) -> bool:
        return event.get("type") == "stopped" and event.get("turn") == self._number


def describe_ending(exit_code: object, *, is_loaded: bool) -> Failed:
    """Say how a process ended that should have answered."""
    when = "while it answered" if is_loaded else "while it was loaded"
    code = exit_code if isinstance(exit_code, int) else 0
    if code == -signal.SIGKILL:
        return Failed(
            "AgentKilled",
            f"The agent was killed by SIGKILL {when}; it probably ran out of memory.",
        )
    how = f"exited with code {code}" if code >= 0 else f"was ended by {_name(-code)}"
    return Failed("AgentExited" if is_loaded else "LoadFailed", f"The agent {how} {when}.")


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
