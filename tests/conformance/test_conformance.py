"""What every runtime must do: one table of messages and what comes of them, and a few scenes."""

import json
import os
import re
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from tests.conformance.outcomes import Fails, Outcome, assert_outcome
from tests.conformance.runtimes import Runtime
from tests.conformance.stage import Stage

MIB = 2**20


# What is asked → what comes of it. The next message works in any case.
CASES: dict[str, tuple[str, Outcome]] = {
    "a text": ("echo Grüße, 世界 🌍", "Grüße, 世界 🌍"),
    "several lines": ("echo one\n\ttwo\r\n\n  three", "one\n\ttwo\r\n\n  three"),
    "nothing": ("echo ", ""),
    "quotes and backslashes": ("echo \"\\\" '$HOME' `x` \\n", "\"\\\" '$HOME' `x` \\n"),
    "controls": ("echo \x01\x1b[0m\x7f", "\x01\x1b[0m\x7f"),
    "a remark": ("print", "the answer"),
    "an error": ("fail", Fails("AgentError|AgentExited", "no such thing")),
    "an exit": ("exit 3", Fails("AgentExited", "exited with code 3 while it answered")),
    "an abort": ("signal SIGABRT", Fails("AgentExited", "ended by SIGABRT while it answered")),
    "a kill": ("signal SIGKILL", Fails("AgentKilled", "it probably ran out of memory")),
    "a long answer": (f"long {3 * MIB + 1}", "x" * (3 * MIB + 1)),
    "the longest answer": (f"long {16 * MIB}", "x" * 16 * MIB),
    "a longer answer": (f"long {16 * MIB + 1}", Fails("AnswerTooLarge", "longer than 16 MiB")),
}


@pytest.mark.parametrize("case", CASES)
def test_a_message_has_its_outcome_and_the_next_one_works(agent: Stage, case: str) -> None:
    text, outcome = CASES[case]
    assert_outcome(agent.ask(text), outcome)
    assert_outcome(agent.ask("echo next"), "next")


def test_an_error_names_the_line_of_the_agent(agent: Stage, runtime: Runtime) -> None:
    failed = agent.ask("fail").failed
    assert failed
    assert re.search(runtime.place, failed.message), failed.message


def test_the_context_holds_what_is_promised(agent: Stage) -> None:
    history = [{"role": "user", "content": "before 🌍", "agent": None, "created_at": "2029"}]
    answer = agent.ask("context", history).answer
    assert answer
    assert json.loads(answer) == {
        "session_id": "s-1",
        "space": "demo",
        "agent": "agent",
        "message_id": "m-1",
        "attempt": 2,
        "timestamp": "2030-01-02T03:04:05Z",
        "created_by": "anna",
        "metadata": {"team": "a", "tier": "gold"},
        "settings": {"tone": "kind"},
        "history": history,
    }


def test_a_message_of_one_mib_and_a_history_of_four_come_whole(agent: Stage) -> None:
    history = [{"role": "user", "content": "q" * 2**17}] * 32
    assert_outcome(agent.ask("size " + "y" * MIB, history), f"{MIB} 32 {4 * MIB}")


def test_what_it_prints_goes_to_its_logs_only(agent: Stage) -> None:
    assert_outcome(agent.ask("print"), "the answer")
    agent.wait(lambda: "[agent] a child" in agent.output())
    assert "a remark\n" in agent.logs("*")
    assert "a complaint\n" in agent.logs("stderr")
    assert {"[agent] a remark", "[agent] a complaint"} <= set(agent.output().splitlines())


def test_pieces_come_while_it_speaks_and_the_answer_holds_them_all(agent: Stage) -> None:
    turn = agent.give("stream")
    assert turn.first_piece() == "first, "
    (agent.state / "gate").touch()
    assert turn.end().answer == "first, last"


def test_it_stays_loaded_between_messages_where_its_runtime_keeps_it(
    agent: Stage, runtime: Runtime
) -> None:
    counted = [agent.ask("count").answer for _ in range(3)]
    assert counted == (["1", "2", "3"] if runtime.is_kept else ["1", "1", "1"])


def test_a_process_that_died_between_messages_is_started_again_unseen(agent: Stage) -> None:
    first = int(agent.ask("pid").answer or 0)
    # That of a binary has ended by itself.
    with suppress(ProcessLookupError):
        os.kill(first, signal.SIGKILL)
    agent.wait(lambda: not Path(f"/proc/{first}").exists())
    assert int(agent.ask("pid").answer or 0) != first


def test_one_that_never_returns_is_ended_with_what_it_started(agent: Stage) -> None:
    left = int(agent.ask("leave").answer or 0)
    turn = agent.give("hang")
    turn.stop()
    agent.wait(lambda: not Path(f"/proc/{left}").exists())
    assert_outcome(agent.ask("echo next"), "next")


def test_it_runs_on_the_volume_with_the_promised_environment(agent: Stage) -> None:
    answer = agent.ask("look").answer
    assert answer
    seen = json.loads(answer)
    assert seen["folder"] == str(agent.session)
    assert seen["environment"]["RAWORC_STATE_DIR"] == str(agent.state)
    assert seen["environment"]["RAWORC_SESSION_ID"] == "s-1"
    assert not {"RAWORC_SOCKET", "RAWORC_RUNTIMES_DIR", "PYTHONPATH"} & set(seen["environment"])


def test_programs_that_it_starts_have_no_part_in_its_channel(agent: Stage) -> None:
    listed = agent.ask("descriptors").answer
    assert listed
    names = set(re.findall(r" (\d+) -> ", listed))
    # Those of the shell, and the folder that ls reads.
    assert names <= {"0", "1", "2", "3"}
    assert not re.search(r" 3 -> (pipe|socket)", listed), listed


def test_a_program_that_is_not_there_fails_the_message(stage: Stage, runtime: Runtime) -> None:
    stage.put(runtime.files(), **runtime.entry(program="/nowhere/program"))
    stage.start()
    assert_outcome(stage.ask("echo hi"), Fails("LoadFailed", "/nowhere/program"))
