"""Does what a message says: the Python side of the conformance suite."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STATE = Path(os.environ["RAWORC_STATE_DIR"])
calls = 0


def process_message(message: str, context: dict[str, Any]) -> Any:  # noqa: ANN401 - text, or pieces
    """Do it."""
    global calls  # noqa: PLW0603 - what stays loaded
    calls += 1
    word, _, rest = message.partition(" ")
    commands: dict[str, Callable[[], Any]] = {
        "echo": lambda: rest,
        "context": lambda: json.dumps(context),
        "count": lambda: str(calls),
        "size": lambda: f"{rest.count('y')} {len(context['history'])} {said(context)}",
        "pid": lambda: str(os.getpid()),
        "print": remark,
        "fail": fail,
        "exit": lambda: os._exit(int(rest)),
        "signal": lambda: os.kill(os.getpid(), getattr(signal, rest)),
        "stream": stream,
        "long": lambda: "x" * int(rest),
        "hang": threading.Event().wait,
        "leave": leave,
        "look": look,
        "descriptors": lambda: run("ls -l /proc/self/fd"),
    }
    return commands[word]()


def said(context: dict[str, Any]) -> int:
    """Count what the history holds."""
    return sum(len(entry["content"]) for entry in context["history"])


def remark() -> str:
    """Say something beside the answer."""
    sys.stdout.write("a remark\n")
    sys.stderr.write("a complaint\n")
    run("echo a child >&2")
    return "the answer"


def fail() -> None:
    """Fail with a word."""
    raise ValueError("no such thing")


def stream() -> Any:  # noqa: ANN401 - pieces
    """Say the first half, and the second when the gate is open."""
    yield "first, "
    while not (STATE / "gate").exists():
        time.sleep(0.005)
    yield "last"


def leave() -> str:
    """Leave a process behind that nothing leads to, and say its number."""
    return run("(exec setsid sleep 600 >/dev/null 2>&1) & echo $!")


def look() -> str:
    """Tell where this runs, and with what."""
    return json.dumps({"folder": str(Path.cwd()), "environment": dict(os.environ)})


def run(script: str) -> str:
    """Run a shell, and return what it writes."""
    return subprocess.check_output(["/bin/sh", "-c", script], text=True).strip()  # noqa: S603 - ours
