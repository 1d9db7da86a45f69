"""The runner's work: one host to speak to, one turn at a time, any number of loaded agents.

One thread waits for all of it: the host's socket, the channels of agents, the ends of their
processes, and signals. Beside it the reaper waits for children and the log pump carries what
agents print; neither knows of turns.

The host's orders are passed to the agent's process as they come, and what the process says is
passed back. Only the process whose turn it is is heard, and only about this turn. While the host
does not take what there is for it, no channel of an agent is read: an agent that floods waits for
the host. Pieces that came together go on together, so that an agent that yields single characters
costs the host no frame for each.

Everything that agents started ends before another host is spoken to. So no agent can connect to
the host's socket in the runner's place. (docs/decisions/0010)
"""

import select
from collections.abc import Callable, Iterable, Sequence

from raworc_runner.agent_process import AgentProcess
from raworc_runner.catalogue import Agent
from raworc_runner.channel import Channel, Event, FrameError, parts
from raworc_runner.journal import note
from raworc_runner.loaded_agents import LoadedAgents
from raworc_runner.protection import ImpairedError
from raworc_runner.stop import Stop

PROTOCOL = 1
# So much may wait for the host before agents have to.
_MOST_PENDING = 1024 * 1024
_LONGEST_GRACE_MILLISECONDS = 10_000


class Runner:
    """Serves one host, from its first frame to its last."""

    def __init__(
        self, host: Channel, agents: Sequence[Agent], loaded: LoadedAgents, stop: Stop
    ) -> None:
        self._host = host
        self._agents = {agent.name: agent for agent in agents}
        self._loaded = loaded
        self._stop = stop
        self._turn: int | None = None
        self._process: AgentProcess | None = None
        """The process whose turn it is."""
        self._was_dismissed = False

    def introduce(self) -> None:
        """Tell the host which agents there are."""
        for agent in self._agents.values():
            self._host.send(agent.introduction())
        self._host.send({"type": "hello", "protocol": PROTOCOL})

    def warm(self, name: str) -> None:
        """Load an agent ahead of its first message."""
        try:
            self._loaded.get(self._agents[name])
        except OSError as error:
            note(f"agent '{name}' cannot be started: {error}")

    def run(self) -> None:
        """Serve until the host leaves, or until there is no more time; then no agent is left."""
        try:
            while not self._host.has_ended and not self._stop.is_overdue:
                self._wait()
                self._hear_host()
                for process in self._loaded:
                    self._hear(process)
        except FrameError as error:
            note(f"left the host: {error}")
        self._loaded.stop(at_once=not self._was_dismissed)

    @property
    def _is_hearing(self) -> bool:
        """Whether agents are heard: the host takes what they say."""
        return self._host.pending < _MOST_PENDING

    def _wait(self) -> None:
        waiter = select.poll()
        waiter.register(self._stop.fd, select.POLLIN)
        _register(waiter, self._host)
        for process in self._loaded:
            if self._is_hearing:
                waiter.register(process.ending.fd, select.POLLIN)
            _register(waiter, process.channel, is_read=self._is_hearing)
        waiter.poll(self._stop.milliseconds_left)
        self._stop.acknowledge()
        self._host.flush()

    def _hear_host(self) -> None:
        orders: dict[str, Callable[[Event], None]] = {
            "order": self._order,
            "stop": self._stop_turn,
            "goodbye": self._dismiss,
        }
        for event in self._host.receive():
            if act := orders.get(str(event.get("type"))):
                act(event)

    def _order(self, event: Event) -> None:
        """Pass an order, or the next part of one, to the agent that it is for."""
        turn = int(event["turn"] or 0)
        if turn != self._turn:
            self._turn = turn
            self._process = self._started(str(event["agent"]), turn)
        if self._process is not None:
            self._process.channel.send(event)

    def _started(self, name: str, turn: int) -> AgentProcess | None:
        try:
            process = self._loaded.get(self._agents[name])
        except (KeyError, OSError) as error:
            self._fail(turn, "LoadFailed", f"The agent cannot be started: {error}")
            return None
        except ImpairedError as error:
            self._fail(turn, "LoadFailed", f"The agent cannot be started: {error} It is restarted.")
            raise
        if process.is_ready:
            self._tell_loaded(turn)
        return process

    def _stop_turn(self, event: Event) -> None:
        """End the agent that does not answer in time, or shall not answer any more."""
        process, turn = self._process, int(event["turn"] or 0)
        if process is not None and turn == self._turn:
            grace = min(int(event["grace_milliseconds"] or 0), _LONGEST_GRACE_MILLISECONDS)
            self._loaded.interrupt(process, grace / 1000)
            self._process = None
        self._host.send({"type": "stopped", "turn": turn})

    def _dismiss(self, _: Event) -> None:
        self._was_dismissed = True

    def _hear(self, process: AgentProcess) -> None:
        """Pass on what an agent's process says; see the runtimes for what it may say."""
        process.channel.flush()
        # Looked at before its last words are read: then none of them can be missed.
        has_ended = process.has_ended
        if not self._is_hearing:
            return
        try:
            events = process.channel.receive()
        except FrameError as error:
            self._give_up(
                process, f"The agent wrote something other than a frame to its channel. {error}"
            )
            return
        for event in _joined(events):
            self._take(process, event)
        if has_ended and not events:
            self._ended(process)

    def _take(self, process: AgentProcess, event: Event) -> None:
        kind = event.get("type")
        if kind == "ready":
            process.is_ready = True
        elif kind == "failed" and event.get("turn") is None:
            process.failure = event
        if process is not self._process or self._turn is None:
            return
        is_ours = event.get("turn") == self._turn
        is_unloaded = process.failure is event and not process.is_ready
        if kind == "ready":
            self._tell_loaded(self._turn)
        elif kind in {"piece", "answer"} and is_ours:
            is_last = kind == "answer" and event.get("is_last") is True
            self._pass_text(str(kind), self._turn, str(event.get("text", "")), is_last=is_last)
        elif kind == "failed" and (is_ours or is_unloaded):
            self._fail(self._turn, str(event.get("reason")), str(event.get("message")))

    def _pass_text(self, kind: str, turn: int, text: str, *, is_last: bool) -> None:
        for part, is_last_part in parts(text):
            self._host.send(
                {"type": kind, "turn": turn, "text": part, "is_last": is_last and is_last_part}
            )
        if is_last:
            self._process = None

    def _fail(self, turn: int, reason: str, message: str) -> None:
        self._host.send(
            {
                "type": "failed",
                "turn": turn,
                "reason": reason[:64],
                # A host takes no more either.
                "message": message[:8192],
            }
        )
        self._process = None

    def _give_up(self, process: AgentProcess, message: str) -> None:
        if process is self._process and self._turn is not None:
            self._fail(self._turn, "AgentError", message)
        self._loaded.drop(process)

    def _ended(self, process: AgentProcess) -> None:
        if process is self._process:
            self._tell_ended(process)
        self._loaded.drop(process)

    def _tell_ended(self, process: AgentProcess) -> None:
        turn, failure = self._turn or 0, process.failure
        if failure is not None:
            # It came before the order did, or the process has ended because of it.
            self._fail(turn, str(failure.get("reason")), str(failure.get("message")))
            return
        code = process.ending.exit_code
        self._host.send({"type": "ended", "turn": turn, "exit_code": code})
        self._process = None

    def _tell_loaded(self, turn: int) -> None:
        self._host.send({"type": "loaded", "turn": turn})


def _register(waiter: select.poll, channel: Channel, *, is_read: bool = True) -> None:
    if is_read and not channel.has_ended:
        waiter.register(channel.read_fd, select.POLLIN)
    if channel.pending:
        flags = select.POLLOUT
        if channel.write_fd == channel.read_fd and not channel.has_ended:
            flags |= select.POLLIN
        waiter.register(channel.write_fd, flags)


def _joined(events: Iterable[Event]) -> Iterable[Event]:
    """Join pieces of one turn that came together."""
    texts: list[str] = []
    first: Event = {}
    for event in events:
        if texts and not _continues(first, event):
            yield {**first, "text": "".join(texts)}
            texts = []
        if event.get("type") != "piece":
            yield event
            continue
        first = event if not texts else first
        texts.append(str(event.get("text", "")))
    if texts:
        yield {**first, "text": "".join(texts)}


def _continues(first: Event, event: Event) -> bool:
    return event.get("type") == "piece" and event.get("turn") == first.get("turn")
