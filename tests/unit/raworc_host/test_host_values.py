"""The host's settings, delays and values."""

import json

import pytest
from tests.unit.raworc_operator.samples import SETTINGS, view

from raworc_host.backoff import Backoff
from raworc_host.conversation import (
    Answer,
    Answered,
    Attempt,
    Cancelled,
    Claim,
    Failed,
    Message,
    order_of,
)
from raworc_host.host import LAST_WORDS_SECONDS
from raworc_host.platform_api import RELEASE_SECONDS
from raworc_host.settings import from_environment
from raworc_host.spool import Spool
from raworc_host.turn import describe_ending
from raworc_operator.sessions.pod import session_pod
from raworc_runner import stop
from raworc_runner.__main__ import GRACE_SECONDS as RUNNER_GRACE_SECONDS

MESSAGE = {"id": "m", "content": "hi", "created_at": "2030", "attempt": 2}


def test_settings_have_the_values_of_the_pod_where_nothing_is_set() -> None:
    settings = from_environment({"RAWORC_API_URL": "http://api/", "RAWORC_API_AUTHORITIES": ""})
    assert settings.api_url == "http://api"
    assert settings.authorities is None
    assert str(settings.socket) == "/run/raworc/host.sock"
    assert settings.busy_timeout_seconds == 600


def test_the_last_answer_the_release_and_the_agents_end_within_the_pod_s_grace() -> None:
    grace = session_pod(view(), SETTINGS)["spec"]["terminationGracePeriodSeconds"]
    assert stop.GRACE_SECONDS >= 20, "an agent has most of it to end its turn"
    assert grace >= stop.GRACE_SECONDS + LAST_WORDS_SECONDS + RELEASE_SECONDS
    assert stop.GRACE_SECONDS + LAST_WORDS_SECONDS <= RUNNER_GRACE_SECONDS <= grace - 1


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


def test_the_message_s_metadata_lies_over_the_session_s() -> None:
    claim = Claim.parse({"session_id": "s", "space": "d", "metadata": {"a": 1, "b": 1}})
    message = Message.parse({"message": {**MESSAGE, "metadata": {"b": 2}}})
    context = json.loads("".join(order_of(claim, message, "echo", "hi")))["context"]
    assert context["metadata"] == {"a": 1, "b": 2}
    assert context["history"] == []
    assert context["timestamp"] == "2030"


def rendered(answer: Answer) -> object:
    body = answer.render()
    sent = b"".join(body.slices())
    assert len(sent) == len(body)
    return json.loads(sent)


def test_every_way_in_which_a_turn_ends_goes_over_the_wire() -> None:
    answer = Answer(Attempt("m", 2), Answered(Spool("yes")), "echo", {"chosen_by": "only"})
    turn = {"message_id": "m", "attempt": 2, "metadata": {"chosen_by": "only"}}
    answered = {**turn, "status": "answered", "content": "yes", "agent": "echo"}
    assert rendered(answer) == answered
    failed = answer._replace(outcome=Failed("AgentError", 'why "\n'), agent=None)
    assert rendered(failed) == {
        **turn,
        "status": "failed",
        "content": 'why "\n',
        "reason": "AgentError",
    }
    cancelled = answer._replace(outcome=Cancelled(), agent=None)
    assert rendered(cancelled) == {**turn, "status": "cancelled", "content": ""}


@pytest.mark.parametrize("reason", [None, 7, "", "no reason", "lower", "X" * 65, "Late\n"])
def test_a_reason_that_the_api_server_would_refuse_is_an_agent_s_error(reason: object) -> None:
    assert Failed.told(reason, "x" * 10_000) == Failed("AgentError", "x" * 8192)


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
