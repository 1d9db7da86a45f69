"""The forms that a Python handler may have, and how an agent fails that has none of them."""

import pytest
from tests.conformance.outcomes import Fails, assert_outcome
from tests.conformance.runtimes import PYTHON
from tests.conformance.stage import Stage

Files = dict[str, str]


def python(code: str) -> Files:
    return {"main.py": code}


# Each answers "hi" with "hi!".
PYTHON_FORMS: dict[str, Files] = {
    "function": python("def process_message(m, c): return m + '!'"),
    "coroutine": python("async def process_message(m, c): return m + '!'"),
    "generator": python("def process_message(m, c):\n yield m\n yield ''\n yield '!'"),
    "async generator": python("async def process_message(m, c):\n yield m\n yield '!'"),
    "coroutine of a generator": python(
        "def say(m):\n yield m\n yield '!'\nasync def process_message(m, c): return say(m)"
    ),
    "object": python("class A:\n def __call__(self, m, c): return m + '!'\nprocess_message = A()"),
    "part of a function": python(
        "from functools import partial\ndef f(x, m, c): return m + x\n"
        "process_message = partial(f, '!')"
    ),
    "package": {
        "main/__init__.py": "from .say import process_message",
        "main/say.py": ("def process_message(m, c): return m + '!'"),
    },
}


@pytest.mark.parametrize("form", PYTHON_FORMS)
def test_a_python_handler_may_be_a(stage: Stage, form: str) -> None:
    stage.put(PYTHON_FORMS[form], **PYTHON.entry())
    stage.start()
    for _ in range(2):
        assert_outcome(stage.ask("hi"), "hi!")


def test_what_runs_in_its_event_loop_runs_on_between_turns(stage: Stage) -> None:
    code = (
        "import asyncio, os\nfrom pathlib import Path\n"
        "ticks = Path(os.environ['RAWORC_STATE_DIR']) / 'ticks'\nloops = []\n"
        "async def tick():\n"
        "    for _ in range(5): await asyncio.sleep(0.01)\n"
        "    ticks.touch()\n"
        "async def process_message(m, c):\n"
        "    global task\n    loops.append(asyncio.get_running_loop())\n"
        "    if len(loops) == 1:\n"
        "        task = asyncio.create_task(tick())\n        return 'begun'\n"
        "    return 'the same loop' if loops[0] is loops[1] else 'another loop'"
    )
    stage.put(python(code), **PYTHON.entry())
    stage.start()
    assert_outcome(stage.ask("hi"), "begun")
    # No message comes meanwhile.
    stage.wait((stage.state / "ticks").exists)
    assert_outcome(stage.ask("hi"), "the same loop")


def test_the_clean_up_of_an_event_loop_runs_when_the_agent_is_let_go(stage: Stage) -> None:
    code = (
        "import asyncio, atexit\nasync def wait():\n"
        "    try: await asyncio.Event().wait()\n    finally: print('cleaned up')\n"
        "async def process_message(m, c):\n"
        "    global task\n    task = asyncio.create_task(wait())\n    return 'begun'"
    )
    stage.put(python(code), **PYTHON.entry())
    stage.start()
    assert_outcome(stage.ask("hi"), "begun")
    stage.dismiss()
    stage.wait(lambda: "[agent] cleaned up" in stage.output())


# How an agent cannot be loaded: its files, its handler, and what the message fails with.
PYTHON_FAULTS: dict[str, tuple[Files, str, Fails]] = {
    "an error": (
        python("def f():\n 1 / 0\nf()"),
        "main.f",
        Fails("LoadFailed", "division by zero\n  main.py:3 in <module>\n  main.py:2 in f"),
    ),
    "a syntax error": (
        python("\ndef f(:"),
        "main.f",
        Fails("LoadFailed", "invalid syntax (main.py, line 2)"),
    ),
    "a missing package": (
        python("import nothing_here"),
        "main.f",
        Fails("LoadFailed", "'nothing_here'"),
    ),
    "a missing library": (
        python("import ctypes\nctypes.CDLL('libnothing.so')"),
        "main.f",
        Fails("LoadFailed", "libnothing.so: cannot open shared object file"),
    ),
    "no function": (python(""), "main.f", Fails("HandlerNotFound", "'main' has no 'f'")),
    "another kind": (
        python("f = 1"),
        "main.f",
        Fails("HandlerNotFound", "of type 'int', not a function"),
    ),
    "no module": (python(""), "other.f", Fails("HandlerNotFound", "no module 'other'")),
    "an exit": (python("raise SystemExit(7)"), "main.f", Fails("LoadFailed", "exited with code 7")),
}


@pytest.mark.parametrize("fault", PYTHON_FAULTS)
def test_a_python_agent_that_cannot_be_loaded_says_why(stage: Stage, fault: str) -> None:
    files, handler, fails = PYTHON_FAULTS[fault]
    stage.put(files, **PYTHON.entry(handler=handler))
    stage.start()
    for _ in range(2):
        assert_outcome(stage.ask("hi"), fails)


def test_an_image_that_does_not_know_a_runtime_says_so(stage: Stage) -> None:
    stage.put({}, runtime="cobol")
    stage.start()
    assert_outcome(stage.ask("hi"), Fails("LoadFailed", "The runtime 'cobol' is unknown"))
