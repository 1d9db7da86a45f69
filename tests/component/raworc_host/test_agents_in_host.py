"""What agents may do in the host, and what becomes of it."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from tenacity import retry, stop_after_delay, wait_fixed
from tests.component.raworc_host.session_bed import Bed

HANDLER = "def process_message(message, context):\n    "


def failure(answer: dict[str, Any]) -> tuple[str, str]:
    assert answer["status"] == "failed"
    return answer["reason"], answer["content"]


def test_an_answer_says_which_agent_gave_it_and_why(bed: Bed) -> None:
    bed.example("echo")
    bed.start()
    answer = bed.api.ask("Grüße, 世界 🌍\n\ttwo lines")
    assert answer["status"] == "answered"
    assert answer["content"] == "Grüße, 世界 🌍\n\ttwo lines"
    assert answer["agent"] == "echo"
    assert answer["metadata"] == {"agent": "echo", "chosen_by": "only"}


@pytest.mark.parametrize(
    ("code", "content"),
    [
        ("def process_message(message, context): return message * 2", "hihi"),
        ("async def process_message(message, context): return message * 2", "hihi"),
        ("def process_message(m, c):\n    yield m\n    yield ''\n    yield '!'", "hi!"),
        ("async def process_message(m, c):\n    yield m\n    yield '!'", "hi!"),
        ("class A:\n  def __call__(self, m, c): return m\nprocess_message = A()", "hi"),
        ("def process_message(m, c): return ''", ""),
        ("def process_message(m, c): return 'half \\ud83c'", "half \ufffd"),
    ],
    ids=["function", "coroutine", "generator", "async generator", "callable", "empty", "half"],
)
def test_a_handler_may_be(bed: Bed, code: str, content: str) -> None:
    bed.agent("any", code)
    bed.start()
    assert bed.api.ask("hi")["content"] == content


def test_an_async_agent_keeps_its_event_loop_between_messages(bed: Bed) -> None:
    bed.agent(
        "loop",
        "import asyncio\nseen = []\n"
        "async def process_message(m, c):\n"
        "    seen.append(asyncio.get_running_loop())\n"
        "    return str(all(loop is seen[0] for loop in seen))",
    )
    bed.start()
    assert [bed.api.ask("hi")["content"] for _ in range(3)] == ["True"] * 3


def test_the_context_tells_who_asks_where_and_what_was_said_before(bed: Bed) -> None:
    bed.agent("tell", f"import json\n{HANDLER}return json.dumps(context)")
    bed.api.history = [{"role": "user", "content": "before", "agent": None, "created_at": "2029"}]
    bed.api.claim_reply["settings"] = {"tone": "kind"}
    bed.start()
    answer = bed.api.ask("hi", id="m-1", metadata={"tier": "silver"})
    assert answer["content"] == (
        '{"session_id": "s-1", "space": "demo", "agent": "tell", '
        '"message_id": "m-1", "attempt": 1, '
        '"timestamp": "2030-01-02T03:04:05Z", "created_by": "anna", '
        '"metadata": {"team": "a", "tier": "silver"}, "settings": {"tone": "kind"}, '
        '"history": [{"role": "user", "content": "before", "agent": null, "created_at": "2029"}]}'
    )


def test_agents_get_the_promised_environment_and_nothing_of_the_hosts_own(bed: Bed) -> None:
    code = "return '\\n'.join([os.getcwd(), sys.path[0], *map('='.join, os.environ.items())])"
    bed.agent("look", f"import os, sys\n{HANDLER}{code}")
    bed.start()
    folder, path, *lines = bed.api.ask("hi")["content"].split("\n")
    environment = dict(line.split("=", 1) for line in lines)
    assert folder == str(bed.session)
    assert path == str(bed.agents / "look")
    assert environment["RAWORC_STATE_DIR"] == str(bed.session / "state")
    assert environment["RAWORC_CACHE_DIR"] == str(bed.session / "cache")
    assert environment["RAWORC_SPACE"] == "demo"
    assert environment["TMPDIR"] == str(bed.session / "tmp")
    assert not {"PYTHONPATH", "RAWORC_TOKEN_FILE", "RAWORC_RUNTIMES_DIR"} & set(environment)


def test_what_an_agent_prints_goes_to_its_logs_only(bed: Bed) -> None:
    bed.agent(
        "loud",
        "import os, sys\n"
        f"{HANDLER}print('out'); print('err', file=sys.stderr); os.system('echo sub')\n"
        "    print('no newline', end='')\n    return 'answer'",
    )
    host = bed.start()
    assert bed.api.ask("hi")["content"] == "answer"
    host.terminate()
    assert host.wait(10) == 0
    assert bed.logs("loud_*_stdout.log") == "out\nsub\nno newline"
    assert bed.logs("loud_*_stderr.log") == "err\n"
    assert {"[loud] out", "[loud] sub", "[loud] no newline", "[loud] err"} <= set(
        bed.output().splitlines()
    )


def test_an_exception_fails_one_message_and_says_where(bed: Bed) -> None:
    bed.agent(
        "picky",
        "def check(m):\n    if m == 'bad': raise ValueError('no such thing')\n"
        "def process_message(m, c):\n    check(m)\n    return 'fine'",
    )
    bed.start()
    assert failure(bed.api.ask("bad")) == (
        "AgentError",
        "ValueError: no such thing\n  main.py:4 in process_message\n  main.py:2 in check",
    )
    assert bed.api.ask("good")["content"] == "fine"
    assert "Traceback" in bed.logs("picky_*_stderr.log")


@pytest.mark.parametrize(
    ("statement", "reason", "words"),
    [
        ("raise SystemExit(3)", "AgentExited", "exited with code 3 while it answered"),
        ("import os; os._exit(4)", "AgentExited", "exited with code 4 while it answered"),
        ("import os; os.abort()", "AgentExited", "was ended by SIGABRT while it answered"),
        ("import os; os.kill(os.getpid(), 9)", "AgentKilled", "it probably ran out of memory"),
        ("return 42", "InvalidAnswer", "a value of type 'int'; it must be a str"),
        ("return None", "InvalidAnswer", "a value of type 'NoneType'"),
        ("return iter([b'x'])", "InvalidAnswer", "yielded a value of type 'bytes'"),
        ("return 'x' * (16 * 1024**2 + 1)", "AnswerTooLarge", "longer than 16 MiB"),
        ("import itertools; return itertools.repeat('x' * 10**6)", "AnswerTooLarge", "16 MiB"),
        ("raise KeyboardInterrupt", "AgentError", "KeyboardInterrupt"),
        ("import asyncio; raise asyncio.CancelledError", "AgentError", "CancelledError"),
        ("return process_message(message, context)", "AgentError", "RecursionError"),
        ("class E(Exception):\n     def __str__(self): 1/0\n    raise E", "AgentError", "text"),
    ],
)
def test_a_failed_message_names_the_cause_and_the_next_one_works(
    bed: Bed, statement: str, reason: str, words: str
) -> None:
    bed.agent("risky", f"{HANDLER}if message == 'good': return 'fine'\n    {statement}")
    bed.start()
    got_reason, got_words = failure(bed.api.ask("bad"))
    assert (got_reason, words in got_words) == (reason, True), got_words
    assert bed.api.ask("good")["content"] == "fine"


@pytest.mark.parametrize(
    ("code", "handler", "reason", "words"),
    [
        ("1 / 0", "main.process_message", "LoadFailed", "ZeroDivisionError: division by zero"),
        ("import nothing_here", "main.f", "LoadFailed", "No module named 'nothing_here'"),
        ("def f(:", "main.f", "LoadFailed", "SyntaxError: invalid syntax (main.py, line 1)"),
        ("raise SystemExit(7)", "main.f", "LoadFailed", "exited with code 7 while it was loaded"),
        ("", "main.process_message", "HandlerNotFound", "'main' has no 'process_message'"),
        ("f = 1", "main.f", "HandlerNotFound", "'main.f' is of type 'int', not a function"),
        ("", "other.f", "HandlerNotFound", "has no module 'other'"),
        ("", "main.sub.f", "HandlerNotFound", "has no module 'main.sub'"),
    ],
)
def test_an_agent_that_cannot_be_loaded_says_why(
    bed: Bed, code: str, handler: str, reason: str, words: str
) -> None:
    bed.agent("broken", code, handler=handler)
    bed.start()
    for _ in range(2):
        got_reason, got_words = failure(bed.api.ask("hi"))
        assert (got_reason, words in got_words) == (reason, True), got_words


def test_an_interpreter_that_is_not_there_is_a_failure_to_load(bed: Bed) -> None:
    bed.agent("lost", "", program="/nowhere/python3")
    bed.example("echo")
    bed.start()
    reason, words = failure(bed.api.ask("@lost hi"))
    assert (reason, "/nowhere/python3" in words) == ("LoadFailed", True), words
    assert bed.api.ask("@echo hi")["content"] == "hi"


def test_an_agent_that_hangs_is_ended_with_all_it_started(bed: Bed) -> None:
    bed.agent(
        "slow",
        "import subprocess, time\n"
        f"{HANDLER}if message == 'good': return 'fine'\n"
        "    print(subprocess.Popen(['sleep', '600']).pid)\n"
        "    time.sleep(600)",
    )
    bed.environment["RAWORC_BUSY_TIMEOUT_SECONDS"] = "0.5"
    bed.start()
    assert failure(bed.api.ask("hang")) == (
        "BusyTimeout",
        "The agent did not answer within 0.5 seconds.",
    )
    assert bed.api.ask("good")["content"] == "fine"
    wait_until_gone(int(bed.logs("slow_*_stdout.log")))


def test_the_api_servers_busy_timeout_wins_and_counts_for_loading_too(bed: Bed) -> None:
    bed.agent("stuck", "import time\ntime.sleep(600)")
    bed.api.claim_reply["busy_timeout_seconds"] = 0.3
    bed.start()
    assert failure(bed.api.ask("hi")) == (
        "BusyTimeout",
        "The agent did not load within 0.3 seconds.",
    )


def test_an_agent_stays_loaded_between_messages(bed: Bed) -> None:
    bed.agent("count", f"import itertools\nn = itertools.count(1)\n{HANDLER}return str(next(n))")
    bed.start()
    assert [bed.api.ask("hi")["content"] for _ in range(3)] == ["1", "2", "3"]


def test_an_agent_that_died_between_messages_is_loaded_again_unseen(bed: Bed) -> None:
    bed.agent("frail", f"import os\n{HANDLER}return str(os.getpid())")
    bed.start()
    first = int(bed.api.ask("hi")["content"])
    os.kill(first, signal.SIGKILL)
    wait_until_gone(first)
    assert int(bed.api.ask("hi")["content"]) != first


def test_agents_may_start_processes_and_orphans_are_reaped(bed: Bed) -> None:
    bed.agent(
        "parent",
        "import subprocess\n"
        f"{HANDLER}code = subprocess.run(['sh', '-c', 'exit 5']).returncode\n"
        "    sub = subprocess.run(['sh', '-c', '(exec setsid sleep 0.01) & echo $!'],\n"
        "                         capture_output=True, text=True)\n"
        "    return f'{code} {sub.stdout.strip()}'",
    )
    bed.start()
    codes = [bed.api.ask("hi")["content"].split() for _ in range(3)]
    assert [code for code, _ in codes] == ["5"] * 3
    bed.api.ask("wait a turn")
    for _, orphan in codes:
        wait_until_gone(int(orphan))


@retry(stop=stop_after_delay(5), wait=wait_fixed(0.01), reraise=True)
def wait_until_gone(pid: int) -> None:
    """Wait until the process is reaped: a zombie keeps its number."""
    assert not Path(f"/proc/{pid}").exists(), Path(f"/proc/{pid}/stat").read_text()


def test_an_agent_may_use_multiprocessing_with_fresh_interpreters(bed: Bed) -> None:
    bed.agent(
        "many",
        "import multiprocessing\n"
        f"{HANDLER}with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        return str(pool.map(len, [message]))",
    )
    bed.start()
    assert bed.api.ask("four", seconds=30)["content"] == "[4]"


def test_pieces_come_while_the_agent_speaks_and_the_answer_holds_them_all(bed: Bed) -> None:
    bed.agent(
        "stream",
        "from pathlib import Path\nimport os\n"
        f"{HANDLER}yield 'first '\n"
        "    gate = os.open('gate', os.O_RDONLY)\n    os.read(gate, 1)\n"
        "    yield from (f'{n} ' for n in range(500))",
    )
    os.mkfifo(bed.session / "gate")
    bed.start()
    message = bed.api.send("go")
    bed.api.wait_for(lambda: bed.api.pieces)
    (bed.session / "gate").write_text("x")
    answer = bed.api.answer_to(message)
    whole = "first " + "".join(f"{n} " for n in range(500))
    assert answer["content"] == whole
    assert bed.api.pieces[0] == {
        "message_id": message,
        "attempt": 1,
        "index": 0,
        "text": "first ",
    }
    assert whole.startswith("".join(piece["text"] for piece in bed.api.pieces))
    assert len(bed.api.pieces) < 10


def test_a_long_piece_is_posted_in_parts(bed: Bed) -> None:
    gate = "from pathlib import Path\n"
    bed.agent("long", f"{gate}{HANDLER}yield 'x' * 300_000\n    Path('gate').read_bytes()")
    os.mkfifo(bed.session / "gate")
    bed.start()
    message = bed.api.send("go")
    bed.api.wait_for(lambda: sum(len(piece["text"]) for piece in bed.api.pieces) == 300_000)
    (bed.session / "gate").write_bytes(b"x")
    assert len(bed.api.answer_to(message)["content"]) == 300_000
    assert [piece["index"] for piece in bed.api.pieces] == list(range(len(bed.api.pieces)))
    assert 3 <= len(bed.api.pieces) <= 10


def test_pieces_that_cannot_be_posted_neither_fail_nor_delay_the_answer(bed: Bed) -> None:
    bed.agent("stream", f"{HANDLER}yield 'a'\n    yield 'b'")
    bed.api.fault("pieces", "hang", 500, "drop", 422)
    bed.start()
    for _ in range(4):
        assert bed.api.ask("go", seconds=5)["content"] == "ab"


def test_a_mention_a_message_a_session_and_the_words_choose_the_agent(bed: Bed) -> None:
    bed.agent("first", f"{HANDLER}return 'first:' + message", purpose="Cooks soup")
    bed.agent("second", f"{HANDLER}return 'second:' + message", capabilities=["fix bicycles"])
    bed.start()

    def ask(content: str, **fields: Any) -> tuple[str, str]:  # noqa: ANN401 - JSON
        answer = bed.api.ask(content, **fields)
        return answer["content"], answer["metadata"]["chosen_by"]

    assert ask("@second hello") == ("second:hello", "mention")
    assert ask("hello", agent="second") == ("second:hello", "message")
    assert ask("My bicycles squeak") == ("second:My bicycles squeak", "router")
    assert ask("@nobody makes soup") == ("first:@nobody makes soup", "router")
    reason, words = failure(bed.api.ask("hi", agent="third"))
    assert (reason, words) == (
        "AgentNotFound",
        "There is no agent 'third' in this space's image; it has 'first', 'second'.",
    )


def test_the_session_s_agent_answers_what_names_none(bed: Bed) -> None:
    bed.agent("first", f"{HANDLER}return 'first'")
    bed.agent("second", f"{HANDLER}return 'second'")
    bed.api.claim_reply["agent"] = "second"
    bed.environment["RAWORC_AGENT"] = "second"
    bed.start()
    answer = bed.api.ask("hi")
    assert (answer["content"], answer["metadata"]["chosen_by"]) == ("second", "session")


def test_an_image_without_agents_says_so(bed: Bed) -> None:
    bed.start()
    assert failure(bed.api.ask("hi"))[0] == "AgentNotFound"


def test_the_memory_example_remembers_across_hosts(bed: Bed) -> None:
    bed.example("memory")
    first = bed.start()
    bed.api.ask("Remember that the build runs at noon.")
    first.terminate()
    assert first.wait(10) == 0
    bed.start()
    assert bed.api.ask("What do you know?")["content"] == (
        "This is message 2 of our session. I know: the build runs at noon."
    )


def test_the_streamer_example_counts_with_its_dependency(bed: Bed, tmp_path: Path) -> None:
    (tmp_path / "roman.py").write_text("def toRoman(n): return 'I' * n\n")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    bed.example("streamer", program=str(python))
    bed.start()
    assert bed.api.ask("Count to 3, please")["content"] == "I, II, III."
    assert bed.api.pieces[0]["text"] == "I, "


def test_a_large_message_and_history_reach_the_agent_whole(bed: Bed) -> None:
    bed.agent("size", f"{HANDLER}return f'{{len(message)}} {{len(context[\"history\"])}}'")
    bed.api.history = [{"role": "user", "content": "x" * 100_000}] * 50
    bed.start()
    assert bed.api.ask("y" * 2**20)["content"] == f"{2**20} 50"


def test_an_answer_of_16_mib_is_delivered_whole(bed: Bed) -> None:
    bed.agent("long", f"{HANDLER}return 'x' * 16 * 1024**2")
    bed.start()
    assert len(bed.api.ask("go")["content"]) == 16 * 1024**2
