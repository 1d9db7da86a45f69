"""What a binary is given, and where."""

import json

import pytest
from tests.conformance.conftest import Build
from tests.conformance.outcomes import assert_outcome
from tests.conformance.runtimes import AGENTS
from tests.conformance.stage import Stage


@pytest.mark.parametrize("handler", ["lib.answer", "talker"])
def test_a_binary_finds_message_context_and_handler_in_three_places(
    stage: Stage, build: Build, handler: str
) -> None:
    stage.put({}, runtime="rust", handler=handler, program=str(build(AGENTS / "rust")))
    stage.start()
    order, argument, variable, name = (stage.ask("places 'hi'").answer or "").split("\n")
    assert (argument, variable, name) == ("places 'hi'", "places 'hi'", handler)
    assert json.loads(order)["message"] == "places 'hi'"
    assert json.loads(order)["context"]["message_id"] == "m-1"


def test_what_is_too_long_for_the_environment_is_on_the_input_of_a_binary(
    stage: Stage, build: Build
) -> None:
    stage.put({}, runtime="rust", handler="lib.answer", program=str(build(AGENTS / "rust")))
    stage.start()
    history = [{"role": "user", "content": f"{number:06} {'q' * 1000}"} for number in range(1000)]
    context = json.loads(stage.ask("context", history).answer or "")
    assert 50 < len(context["history"]) < 130
    assert context["history"] == history[-len(context["history"]) :]
    long = "places " + "y" * 200_000
    order, *others = (stage.ask(long, history).answer or "").split("\n")
    assert others == ["", "", "lib.answer"]
    assert json.loads(order)["message"] == long
    assert json.loads(order)["context"]["history"] == history


def test_a_zero_in_a_message_is_on_the_input_of_a_binary(stage: Stage, build: Build) -> None:
    stage.put({}, runtime="rust", handler="lib.answer", program=str(build(AGENTS / "rust")))
    stage.start()
    assert stage.ask("print\0").failed
    assert_outcome(stage.ask("echo next"), "next")
