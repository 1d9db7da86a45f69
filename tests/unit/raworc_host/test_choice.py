"""Which agent answers, for every way in which it can be said."""

import pytest

from raworc_host.agents import Agent
from raworc_host.choice import AgentNotFoundError, choose

COOK = Agent("cook", "Finds recipes soup bread")
BIKES = Agent("bikes", "Repairs bicycles change a tyre")
TWO = (COOK, BIKES)


@pytest.mark.parametrize(
    ("content", "left"),
    [
        ("@bikes my tyre is flat", "my tyre is flat"),
        ("  @bikes: soup?", "soup?"),
        ("@bikes,soup", "soup"),
        ("@bikes", ""),
        ("@bikes\nline two", "line two"),
    ],
)
def test_a_mention_wins_over_everything_and_is_taken_off(content: str, left: str) -> None:
    choice = choose(TWO, content, "cook", "cook")
    assert (choice.agent, choice.chosen_by, choice.text) == (BIKES, "mention", left)


@pytest.mark.parametrize(
    "content", ["@nobody hi", "@bikes.org hi", "@bikes@cook", "hi @bikes", "@bikes_2", "@Bikes"]
)
def test_what_is_no_agents_name_is_plain_text(content: str) -> None:
    choice = choose(TWO, content, None, "cook")
    assert (choice.agent, choice.chosen_by, choice.text) == (COOK, "session", content)


def test_the_message_s_agent_wins_over_the_session_s() -> None:
    assert choose(TWO, "hi", "bikes", "cook")[:2] == (BIKES, "message")


def test_the_only_agent_needs_no_choice() -> None:
    assert choose((COOK,), "tyre", None, None)[:2] == (COOK, "only")


@pytest.mark.parametrize(
    ("content", "best"),
    [
        ("How do I change the TYRE?", BIKES),
        ("a soup with bread, and one tyre", COOK),
        ("bikes", BIKES),
        ("nothing of this", COOK),
        ("soup tyre", COOK),
        ("", COOK),
    ],
)
def test_the_router_counts_shared_words_and_takes_the_first_of_equals(
    content: str, best: Agent
) -> None:
    assert choose(TWO, content, None, None)[:2] == (best, "router")


def test_an_agent_that_is_not_there_is_refused_with_the_names_of_those_that_are() -> None:
    with pytest.raises(AgentNotFoundError, match=r"no agent 'chef' .* it has 'cook', 'bikes'"):
        choose(TWO, "hi", "chef", None)
    with pytest.raises(AgentNotFoundError, match="it has none"):
        choose((), "hi", None, "chef")
    with pytest.raises(AgentNotFoundError, match="There are no agents"):
        choose((), "hi", None, None)
