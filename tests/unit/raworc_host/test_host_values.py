"""The host's settings, delays and values."""

import pytest

from raworc_host.answering import context_of
from raworc_host.backoff import Backoff
from raworc_host.catalogue import Agent
from raworc_host.conversation import Answer, Answered, Claim, Failed, Message
from raworc_host.settings import from_environment
from raworc_host.turn import describe_ending

MESSAGE = {"id": "m", "content": "hi", "created_at": "2030", "attempt": 2}


def test_settings_have_the_values_of_the_image_where_the_pod_sets_none() -> None:
    settings = from_environment({"RAWORC_API_URL": "http://api/", "RAWORC_AGENT": ""})
    assert settings.api_url == "http://api"
    assert str(settings.state_dir) == "/session/state"
    assert settings.agent is None
    assert settings.busy_timeout_seconds == 600


def test_agents_inherit_the_promised_names_and_none_that_are_the_hosts() -> None:
    settings = from_environment(
        {
            "RAWORC_API_URL": "http://api",
            "RAWORC_SESSION_DIR": "/s",
            "RAWORC_TOKEN_FILE": "/t",
            "PYTHONPATH": "/host",
            "OPENAI_API_KEY": "k",
        }
    )
    assert settings.environment == {
        "RAWORC_API_URL": "http://api",
        "RAWORC_SESSION_DIR": "/s",
        "RAWORC_AGENTS_DIR": "/opt/raworc/agents",
        "RAWORC_STATE_DIR": "/s/state",
        "RAWORC_CACHE_DIR": "/s/cache",
        "OPENAI_API_KEY": "k",
    }


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "ten"])
def test_a_busy_timeout_that_is_none_is_named(seconds: str) -> None:
    environ = {"RAWORC_API_URL": "http://api", "RAWORC_BUSY_TIMEOUT_SECONDS": seconds}
    with pytest.raises(SystemExit, match=f"RAWORC_BUSY_TIMEOUT_SECONDS .* is '{seconds}'"):
        from_environment(environ)


def test_delays_grow_to_a_second_and_only_then_to_five() -> None:
    backoff = Backoff()
    delays = [backoff.next_delay() for _ in range(40)]
    assert 0.02 < delays[0] <= 0.05
    assert max(delays[:10]) <= 1
    assert min(delays[12:]) >= 2.5
    assert max(delays) <= 5
    backoff.reset()
    assert backoff.next_delay() <= 0.05


def test_an_agent_has_the_contracts_defaults() -> None:
    agent = Agent.parse({"name": "a"})
    assert (agent.runtime, agent.handler) == ("python", "main.process_message")


def test_the_message_s_metadata_lies_over_the_session_s() -> None:
    claim = Claim.parse({"session_id": "s", "space": "d", "metadata": {"a": 1, "b": 1}})
    message = Message.parse({"message": {**MESSAGE, "metadata": {"b": 2}}})
    context = context_of(claim, message, "echo")
    assert context["metadata"] == {"a": 1, "b": 2}
    assert context["history"] == []
    assert context["timestamp"] == "2030"


def test_an_answer_and_a_failure_go_over_the_wire() -> None:
    answer = Answer("m", 2, Answered("yes"), "echo", {"chosen_by": "only"})
    assert answer.render() == {
        "message_id": "m",
        "attempt": 2,
        "status": "answered",
        "content": "yes",
        "agent": "echo",
        "metadata": {"chosen_by": "only"},
    }
    failed = answer._replace(outcome=Failed("AgentError", "why"), agent=None)
    assert failed.render() == {
        "message_id": "m",
        "attempt": 2,
        "status": "failed",
        "content": "why",
        "reason": "AgentError",
        "metadata": {"chosen_by": "only"},
    }


@pytest.mark.parametrize(
    ("exit_code", "is_loaded", "reason", "words"),
    [
        (0, True, "AgentExited", "The agent exited with code 0 while it answered."),
        (1, False, "LoadFailed", "The agent exited with code 1 while it was loaded."),
        (-11, True, "AgentExited", "The agent was ended by SIGSEGV while it answered."),
        (-40, True, "AgentExited", "The agent was ended by signal 40 while it answered."),
        (
            -9,
            False,
            "AgentKilled",
            "The agent was killed by SIGKILL while it was loaded; it probably ran out of memory.",
        ),
    ],
)
def test_an_ending_is_described(
    exit_code: int, reason: str, words: str, *, is_loaded: bool
) -> None:
    assert describe_ending(exit_code, is_loaded=is_loaded) == Failed(reason, words)
