"""Agents that behave badly, or wait for a sign: what no example would show."""

import json
from collections.abc import Mapping

# Nothing is installed for an agent that has a manifest and no requirements.
MANIFEST = {"raworc.json": '{"runtime": "python"}'}

GREETER = {
    **MANIFEST,
    "main.py": "def process_message(message, context):\n    return f'hello {message}'\n",
}

# On its first try it says that it began, and never ends; on the next it answers.
INTERRUPTED = """
import os
import threading
from pathlib import Path

def process_message(message, context):
    mark = Path(os.environ["RAWORC_STATE_DIR"]) / f"tried-{message}"
    if not mark.exists():
        mark.touch()
        yield "began"
        threading.Event().wait()
    yield f"answered {message}"
"""

# Answers when the file /session/state/open-<message> is there.
GATED = """
import os
import time
from pathlib import Path

def process_message(message, context):
    gate = Path(os.environ["RAWORC_STATE_DIR"]) / f"open-{message}"
    yield "waiting;"
    while not gate.exists():
        time.sleep(0.05)
    yield f"passed {message}"
"""

RAISING = """
def process_message(message, context):
    raise ValueError(f"cannot do {message}")
"""

PRINTING = """
import sys

def process_message(message, context):
    print("a remark on stdout")
    print("a remark on stderr", file=sys.stderr)
    return "the answer"
"""

HANGING = """
import threading

def process_message(message, context):
    if message == "hang":
        threading.Event().wait()
    return "awake"
"""

# Leaves a process in a session of its own behind, and hangs.
DAEMONS = """
import subprocess
import threading

def process_message(message, context):
    if message == "hang":
        subprocess.run(["sh", "-c", "(exec env -i setsid sleep 4242) & :"])
        yield "begun"
        threading.Event().wait()
    yield "still here"
"""

# Takes the runner's descriptors away for good, by which it would find what is to be killed.
LOWERING = """
import resource
import signal
import threading
import time

def process_message(message, context):
    if message == "lower":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        # By now the runner waits for the agent, which takes one more than it needs to stop it.
        time.sleep(0.5)
        resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3))
        threading.Event().wait()
    return "still here"
"""

EXITING = """
import os

def process_message(message, context):
    if message == "exit":
        os._exit(7)
    return "still here"
"""

MISBEHAVED = {
    "interrupted": INTERRUPTED,
    "gated": GATED,
    "raising": RAISING,
    "printing": PRINTING,
    "hanging": HANGING,
    "exiting": EXITING,
    "lowering": LOWERING,
    "daemons": DAEMONS,
}


def folders(agents: Mapping[str, str]) -> dict[str, str]:
    """Lay out agents as folders of one repository: path → text."""
    return {
        f"{name}/{path}": text
        for name, code in agents.items()
        for path, text in {**MANIFEST, "main.py": code}.items()
    }


# Without a manifest: that it is Python says its requirements.txt, which names a real package.
ROMAN = {
    "requirements.txt": "roman==5.2\n",
    "main.py": (
        "import roman\n\n\ndef process_message(message, context):\n"
        "    return roman.toRoman(int(message))\n"
    ),
}

# Its build succeeds if it finds no account of a registry: nothing is mounted that could be one, and
# no file has one in it (the brackets keep this very line out of what is found). Nor can it put
# anything in the place of the runner, which is to be PID 1.
_SEARCH = (
    "! cut -d ' ' -f 2 /proc/mounts | grep -iE 'account|secret|docker'"
    " && ! grep -rIls --exclude-dir=proc --exclude-dir=sys '\"aut[h]s\"' /"
    " && ! mv /opt/raworc/runner /opt/raworc/old"
)
CURIOUS = GREETER | {"raworc.json": json.dumps({"runtime": "python", "build_command": _SEARCH})}
