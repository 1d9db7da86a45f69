"""From a message to its answer: choose the agent, give it the turn, say how that ended."""

from raworc_host.choice import AgentNotFoundError, choose
from raworc_host.conversation import Answer, Attempt, Claim, Failed, Message, order_of
from raworc_host.door import Runner
from raworc_host.turn import Order, Surroundings, Turn


class Answering:
    """Answers messages, one at a time."""

    def __init__(self, surroundings: Surroundings, busy_seconds: float) -> None:
        self._surroundings = surroundings
        self._busy_seconds = busy_seconds

    def answer(self, claim: Claim, message: Message, runner: Runner) -> Answer | None:
        """Answer a message; None when the host had to stop before."""
        attempt = Attempt(message.id, message.attempt)
        try:
            choice = choose(runner.agents, message.content, message.agent, claim.agent)
        except AgentNotFoundError as error:
            return Answer(attempt, Failed("AgentNotFound", str(error)), None, {})
        name = choice.agent.name
        order = Order(
            attempt,
            agent=name,
            texts=order_of(claim, message, name, choice.text),
            busy_seconds=claim.busy_timeout_seconds or self._busy_seconds,
        )
        outcome = Turn(runner, order, self._surroundings).run()
        if outcome is None:
            return None
        return Answer(attempt, outcome, name, {"agent": name, "chosen_by": choice.chosen_by})
