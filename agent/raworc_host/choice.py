"""Which agent answers a message, and why that one."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from raworc_host.agents import Agent

_MENTION = re.compile(r"\s*@([a-z0-9][-a-z0-9]*)(?![-\w.@])[,:]?\s*")
_WORD = re.compile(r"\w{3,}")


class Choice(NamedTuple):
    """The agent that answers, how it was found, and the text it is given."""

    agent: Agent
    chosen_by: str
    text: str


class AgentNotFoundError(Exception):
    """The agent that was asked for is not in the image."""


def choose(
    agents: Sequence[Agent], content: str, message_agent: str | None, session_agent: str | None
) -> Choice:
    """Choose by mention, by the message, by the session, as the only one, or by the words."""
    mentioned = _MENTION.match(content)
    for agent in agents:
        if mentioned and mentioned[1] == agent.name:
            # Who is spoken to is said by now: the agent gets what is left.
            return Choice(agent, "mention", content[mentioned.end() :])
    for name, chosen_by in ((message_agent, "message"), (session_agent, "session")):
        if name is not None:
            return Choice(_named(agents, name), chosen_by, content)
    if not agents:
        raise AgentNotFoundError("There are no agents in this space's image.")
    if len(agents) == 1:
        return Choice(agents[0], "only", content)
    return Choice(_best(agents, content), "router", content)


def _named(agents: Sequence[Agent], name: str) -> Agent:
    for agent in agents:
        if agent.name == name:
            return agent
    names = ", ".join(f"'{agent.name}'" for agent in agents) or "none"
    raise AgentNotFoundError(f"There is no agent '{name}' in this space's image; it has {names}.")


def _best(agents: Sequence[Agent], content: str) -> Agent:
    """Return the agent that shares most words with the message; the first of equals."""
    asked = _words(content)
    return max(agents, key=lambda agent: len(asked & _words(_profile(agent))))


def _profile(agent: Agent) -> str:
    return f"{agent.name} {agent.profile}"


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))
