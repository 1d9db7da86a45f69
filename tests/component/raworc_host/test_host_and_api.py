"""What the host does while the API server is away, in doubt, or has moved on."""

import os
import signal
import time

import pytest
from tests.component.raworc_host.session_bed import Bed

HANDLER = "def process_message(message, context):\n    "
GATED = (
    "from pathlib import Path\n"
    f"{HANDLER}Path('began').write_bytes(b'x')\n"
    "    Path('gate').read_bytes()\n"
    "    return 'late'"
)


def gated(bed: Bed) -> None:
    """Put an agent into the image that says when it began, and waits until it may answer."""
    bed.agent("gated", GATED)
    for name in ("began", "gate"):
        os.mkfifo(bed.session / name)


def wait_until_begun(bed: Bed) -> None:
    (bed.session / "began").read_bytes()


def let_answer(bed: Bed) -> None:
    (bed.session / "gate").write_bytes(b"x")


@pytest.mark.parametrize("fault", [404, 500, 503, 401, 403, 429, "drop"])
def test_a_claim_is_repeated_until_it_is_heard(bed: Bed, fault: int | str) -> None:
    bed.example("echo")
    bed.api.fault("claim", fault, fault, fault)
    bed.start()
    assert bed.api.ask("hi")["content"] == "hi"
    begun, *_, claimed = [at for at, _, path in bed.api.requests if "claim" in path]
    assert claimed - begun < 2


def test_a_host_waits_for_an_api_server_that_is_not_there_yet(bed: Bed) -> None:
    bed.example("echo")
    bed.server.stop()
    host = bed.start(wait=False)
    assert host.poll() is None
    bed.server.start()
    assert bed.api.ask("hi")["content"] == "hi"


@pytest.mark.parametrize("fault", [500, 502, 503, 429, 422, "drop"])
def test_a_poll_that_fails_is_repeated(bed: Bed, fault: int | str) -> None:
    bed.example("echo")
    bed.api.fault("next", fault, fault)
    bed.start()
    assert bed.api.ask("hi")["content"] == "hi"


def test_a_session_that_is_no_longer_known_is_claimed_anew(bed: Bed) -> None:
    bed.example("echo")
    bed.api.fault("next", 404)
    bed.start()
    assert bed.api.ask("hi")["content"] == "hi"
    assert bed.api.claims == 2


def test_messages_are_answered_across_a_restart_of_the_api_server(bed: Bed) -> None:
    bed.example("echo")
    bed.start()
    for word in ("one", "two", "three"):
        assert bed.api.ask(word)["content"] == word
        bed.server.stop()
        bed.server.start()


@pytest.mark.parametrize("fault", [500, 503, 401, "drop"])
def test_an_answer_is_posted_until_it_is_taken(bed: Bed, fault: int | str) -> None:
    bed.example("echo")
    bed.api.fault("answers", fault, fault, fault)
    bed.start()
    assert bed.api.ask("hi")["content"] == "hi"
    assert bed.api.ask("again")["content"] == "again"


def test_an_answer_is_kept_while_the_api_server_is_away(bed: Bed) -> None:
    gated(bed)
    bed.start()
    message = bed.api.send("hi")
    wait_until_begun(bed)
    bed.server.stop()
    let_answer(bed)
    bed.server.start()
    answer = bed.api.answer_to(message)
    assert (answer["content"], answer["attempt"]) == ("late", 1)


def test_an_answer_to_an_attempt_that_was_lost_is_dropped(bed: Bed) -> None:
    bed.example("echo")
    bed.api.fault("answers", 409)
    bed.start()
    message = bed.api.send("hi")
    answer = bed.api.answer_to(message)
    assert answer["attempt"] == 2


def test_an_answer_that_is_refused_for_good_becomes_a_failure(bed: Bed) -> None:
    bed.example("echo")
    bed.api.fault("answers", 413)
    bed.start()
    answer = bed.api.ask("hi")
    assert (answer["status"], answer["reason"]) == ("failed", "InvalidAnswer")
    assert "injected 413" in answer["content"]


def test_a_busy_session_needs_no_poll_between_messages(bed: Bed) -> None:
    bed.example("echo")
    ids = [bed.api.send(f"{number}", id=f"m{number}") for number in range(5)]
    bed.start()
    assert [bed.api.answer_to(id_)["content"] for id_ in ids] == list("01234")
    # One before the first message, and perhaps already one after the last.
    assert bed.api.count("next") <= 2


def test_the_token_is_read_again_when_it_was_renewed(bed: Bed) -> None:
    bed.example("echo")
    bed.start()
    bed.api.ask("hi")
    renewed = bed.token.with_name("renewed")
    renewed.write_text("second-token")
    renewed.replace(bed.token)
    bed.api.ask("hi")
    assert bed.api.tokens[0] == "Bearer first-token"
    assert bed.api.tokens[-1] == "Bearer second-token"


@pytest.mark.parametrize(("word", "fault"), [("claim", "fenced"), ("claim", 409), ("next", 409)])
def test_a_host_whose_session_has_another_leaves(bed: Bed, word: str, fault: int | str) -> None:
    bed.example("echo")
    bed.api.fault(word, fault)
    host = bed.start(wait=word != "claim")
    assert host.wait(5) == 3
    assert not bed.api.is_released


def test_a_host_that_is_fenced_while_it_answers_ends_its_agents(bed: Bed) -> None:
    gated(bed)
    bed.api.fault("answers", "fenced")
    host = bed.start()
    bed.api.send("hi")
    wait_until_begun(bed)
    let_answer(bed)
    assert host.wait(5) == 3
    assert not bed.api.answers


def test_a_stop_ends_an_idle_host_at_once_and_releases_the_session(bed: Bed) -> None:
    bed.agent("polite", f"import atexit\natexit.register(print, 'goodbye')\n{HANDLER}return ''")
    host = bed.start()
    bed.api.ask("hi")
    bed.api.wait_for(lambda: bed.api.count("next") == 2)
    begun = time.monotonic()
    host.terminate()
    assert host.wait(5) == 0
    assert time.monotonic() - begun < 2
    assert bed.api.is_released
    assert bed.logs("polite_*_stdout.log") == "goodbye\n"


def test_a_stop_lets_the_running_turn_end_and_takes_no_other(bed: Bed) -> None:
    gated(bed)
    bed.api.gives_next = False
    host = bed.start()
    message, waiting = bed.api.send("hi", id="m1"), bed.api.send("there", id="m2")
    wait_until_begun(bed)
    host.terminate()
    let_answer(bed)
    assert host.wait(5) == 0
    assert bed.api.answer_to(message)["content"] == "late"
    assert bed.api.is_released
    assert [queued["id"] for queued in bed.api.queue] == [waiting]


def test_a_second_stop_leaves_the_running_turn_to_the_next_host(bed: Bed) -> None:
    gated(bed)
    first = bed.start()
    message = bed.api.send("hi")
    wait_until_begun(bed)
    first.terminate()
    first.send_signal(signal.SIGINT)
    first.terminate()
    assert first.wait(5) == 0
    assert bed.api.is_released
    bed.start()
    wait_until_begun(bed)
    let_answer(bed)
    answer = bed.api.answer_to(message)
    assert (answer["content"], answer["attempt"]) == ("late", 2)


def test_a_stop_while_the_api_server_is_away_does_not_last(bed: Bed) -> None:
    bed.example("echo")
    host = bed.start()
    bed.server.stop()
    host.terminate()
    assert host.wait(5) == 0


def test_a_stop_before_the_claim_was_answered_releases_what_may_be_claimed(bed: Bed) -> None:
    bed.example("echo")
    bed.api.fault("claim", "hang")
    host = bed.start(wait=False)
    bed.api.wait_for(lambda: bed.api.count("claim"))
    host.terminate()
    assert host.wait(5) == 0
    assert bed.api.is_released


def test_a_message_whose_host_was_killed_is_answered_once_by_the_next(bed: Bed) -> None:
    gated(bed)
    first = bed.start()
    message = bed.api.send("hi")
    wait_until_begun(bed)
    first.kill()
    first.wait(5)
    let_answer(bed)
    bed.start()
    wait_until_begun(bed)
    let_answer(bed)
    answer = bed.api.answer_to(message)
    assert (answer["content"], answer["attempt"]) == ("late", 2)


def test_a_wrong_setting_is_named(bed: Bed) -> None:
    bed.environment["RAWORC_API_URL"] = "raworc-api"
    assert bed.start(wait=False).wait(5) == 1
    assert "RAWORC_API_URL must be an http or https URL, but is 'raworc-api'." in bed.output()
