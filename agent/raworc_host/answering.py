"""From a message to its answer: choose the agent, give it the turn, say how that ended."""

from collections.abc import Sequence

from raworc_host.agent_process import AgentProcess
from raworc_host.catalogue import Agent
from raworc_host.choice import AgentNotFoundError, Choice, choose
from raworc_host.conversation import Answer, Claim, Failed, Json, Message
from raworc_host.loaded_agents import LoadedAgents
from raworc_host.piece_poster import Attempt, PiecePoster
from raworc_host.stop import Stop
from raworc_host.turn import Order, Outcome, Turn


class Answering:
    """Answers messages, one at a time."""

    def __init__(
        self,
        agents: Sequence[Agent],
        loaded: LoadedAgents,
        pieces: PiecePoster,
        stop: Stop,
        busy_seconds: float,
    ) -> None:
        self._agents = agents
        self._loaded = loaded
        self._pieces = pieces
        self._stop = stop
        self._busy_seconds = busy_seconds

    def answer(self, claim: Claim, message: Message) -> Answer | None:
        """Answer a message; None when the host had to stop before."""
        try:
            choice = choose(self._agents, message.content, message.agent, claim.agent)
        except AgentNotFoundError as error:
            failed = Failed("AgentNotFound", str(error))
            return Answer(message.id, message.attempt, failed, None, {})
        outcome = self._outcome(claim, message, choice)
        if outcome is None:
            return None
        name = choice.agent.name
        metadata = {"agent": name, "chosen_by": choice.chosen_by}
        return Answer(message.id, message.attempt, outcome, name, metadata)

    def _outcome(self, claim: Claim, message: Message, choice: Choice) -> Outcome | None:
        try:
            process = self._loaded.get(choice.agent)
        except OSError as error:
            return Failed("LoadFailed", f"The agent cannot be started: {error}")
        order = Order(
            turn=f"{message.id}/{message.attempt}",
            message=choice.text,
            context=context_of(claim, message, choice.agent.name),
            busy_seconds=claim.busy_timeout_seconds or self._busy_seconds,
        )
        return self._take_turn(process, order, Attempt(message.id, message.attempt))

    def _take_turn(self, process: AgentProcess, order: Order, attempt: Attempt) -> Outcome | None:
        turn = Turn(process, order, self._stop, self._pieces.add)
        self._pieces.begin(attempt)
        try:
            return turn.run()
        finally:
            self._pieces.end()
            if not turn.has_free_process:
                self._loaded.drop(process)


def context_of(claim: Claim, message: Message, agent: str) -> Json:
    """Build the context that an agent is given beside the message."""
    return {
        "session_id": claim.session_id,
        "space": claim.space,
        "agent": agent,
        "timestamp": message.created_at,
        "created_by": claim.created_by,
        # The session's, and over it what is said with this one message.
        "metadata": {**claim.metadata, **message.metadata},
        "history": list(message.history),
    }
