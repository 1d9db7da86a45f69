"""What agents try against the host and the runner, and what becomes of it."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tenacity import retry, stop_after_delay, wait_fixed
from tests.component.raworc_host.session_bed import Bed, Pod
from tests.component.raworc_host.test_agents_in_host import failure, wait_until_gone

from raworc_runner.channel import encode

HANDLER = "def process_message(message, context):\n    "


def peak_kib(host: "subprocess.Popen[bytes]") -> int:
    status = Path(f"/proc/{host.pid}/status").read_text()
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak)


def test_a_killed_container_fails_its_message_once_and_the_next_one_is_answered(bed: Bed) -> None:
    bed.agent(
        "hungry",
        f"import time\n{HANDLER}if message == 'eat':\n        yield 'yum'\n"
        "        time.sleep(600)\n    yield 'fine'",
    )
    pod = bed.start()
    message = bed.api.send("eat")
    bed.api.wait_for(lambda: bed.api.pieces)
    bed.replace_runner(pod)
    reason, words = failure(bed.api.answer_to(message))
    assert (reason, "ran out of memory" in words) == ("AgentKilled", True), words
    assert bed.api.ask("next", seconds=5)["content"] == "fine"
    assert bed.api.claims == 1


def test_a_container_killed_between_messages_is_awaited_unseen(bed: Bed) -> None:
    bed.example("echo")
    pod = bed.start()
    assert bed.api.ask("one")["content"] == "one"
    bed.replace_runner(pod)
    assert bed.api.ask("two")["content"] == "two"


def test_a_message_is_cancelled_while_the_agent_works_and_the_next_one_works(bed: Bed) -> None:
    bed.agent(
        "slow",
        "import time\n"
        f"{HANDLER}if message == 'good': return 'fine'\n"
        "    try:\n        print('begun')\n        time.sleep(600)\n    finally:\n"
        "        print('tidied up')",
    )
    bed.start()
    message = bed.api.send("slow")
    bed.api.wait_for(lambda: bed.api.count("heartbeat"))
    with bed.api.changed:
        bed.api.cancelled.add(message)
        bed.api.changed.notify_all()
    assert bed.api.answer_to(message, seconds=5)["status"] == "cancelled"
    assert bed.api.ask("good")["content"] == "fine"
    assert bed.logs("slow_*_stdout.log") == "begun\ntidied up\n"


def test_an_agent_that_ignores_sigterm_is_killed_after_a_grace(bed: Bed) -> None:
    bed.agent(
        "deaf",
        "import signal, time\n"
        f"{HANDLER}if message == 'good': return 'fine'\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    time.sleep(600)",
    )
    bed.environment["RAWORC_BUSY_TIMEOUT_SECONDS"] = "2"
    bed.start()
    assert failure(bed.api.ask("hang"))[0] == "BusyTimeout"
    assert bed.api.ask("good")["content"] == "fine"


def test_what_an_agent_started_in_a_session_of_its_own_dies_with_the_turn(bed: Bed) -> None:
    bed.agent(
        "daemons",
        "import subprocess, time\n"
        f"{HANDLER}if message == 'good': return 'fine'\n"
        "    for command in ('exec setsid sleep 600', 'exec env -i setsid sleep 600'):\n"
        "        subprocess.run(['sh', '-c', f'({command}) & echo $!'])\n"
        "    time.sleep(600)",
    )
    bed.environment["RAWORC_BUSY_TIMEOUT_SECONDS"] = "2"
    bed.start()
    assert failure(bed.api.ask("hang"))[0] == "BusyTimeout"
    pids = bed.logs("daemons_*_stdout.log").split()
    assert len(pids) == 2
    for pid in pids:
        wait_until_gone(int(pid))
    assert bed.api.ask("good")["content"] == "fine"


def test_what_other_agents_started_stays(bed: Bed) -> None:
    bed.agent(
        "server",
        "import subprocess\n"
        "DAEMON = '(exec setsid sleep 600) >&- 2>&- & echo $!'\n"
        f"{HANDLER}return subprocess.run(['sh', '-c', DAEMON], capture_output=True,\n"
        "        text=True).stdout.strip()",
    )
    bed.agent("slow", f"import time\n{HANDLER}time.sleep(600)")
    bed.environment["RAWORC_BUSY_TIMEOUT_SECONDS"] = "2"
    bed.start()
    pid = int(bed.api.ask("go", agent="server")["content"])
    assert failure(bed.api.ask("go", agent="slow"))[0] == "BusyTimeout"
    os.kill(pid, signal.SIGKILL)
    wait_until_gone(pid)


@pytest.mark.parametrize("name", ["evil.pth", "usercustomize.py", "sitecustomize.py"])
def test_nothing_on_the_volume_runs_in_the_runner_or_before_an_agent(bed: Bed, name: str) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = bed.session / ".local" / "lib" / version / "site-packages"
    site.mkdir(parents=True)
    for folder in (site, bed.session):
        (folder / name).write_text("import os; os._exit(42)\n")
        (folder / "json.py").write_text("import os; os._exit(42)\n")
    bed.example("echo")
    pod = bed.start()
    assert bed.api.ask("hi")["content"] == "hi"
    assert pod.runner.poll() is None


def test_an_agent_that_connects_to_the_socket_is_turned_away(bed: Bed) -> None:
    bed.agent(
        "intruder",
        "import socket\n"
        f"{HANDLER}intruder = socket.socket(socket.AF_UNIX)\n"
        "    intruder.settimeout(5)\n"
        f"    intruder.connect({str(bed.socket)!r})\n"
        "    return repr(intruder.recv(10))",
    )
    bed.start()
    for _ in range(3):
        assert bed.api.ask("hi")["content"] == "b''"


def test_an_agent_cannot_trace_the_runner(bed: Bed) -> None:
    bed.example("echo")
    pod = bed.start()
    proc = Path(f"/proc/{pod.runner.pid}")
    status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines())
    assert (status["Uid"].split()[0], status["Gid"].split()[0]) != ("0", "0")
    # The kernel gives the files of a process that may not be traced to root and to root's group.
    files = (proc / "environ").stat()
    assert (files.st_uid, files.st_gid) == (0, 0)
    assert bed.api.ask("hi")["content"] == "hi"


@pytest.mark.parametrize(
    "rubbish",
    [
        "b'\\xff' * 100",
        "(5).to_bytes(4, 'big') + b'[[[[['",
        "(20).to_bytes(4, 'big') + b'{\"turn\":{\"deep\":[]}}'",
        "b'\\x7f\\xff\\xff\\xff'",
    ],
)
def test_an_agent_that_writes_rubbish_to_its_channel_fails_its_turn(bed: Bed, rubbish: str) -> None:
    bed.agent(
        "rude",
        "import os, time\n"
        f"{HANDLER}if message == 'good': return 'fine'\n"
        f"    os.write(4, {rubbish})\n    time.sleep(600)",
    )
    bed.start()
    reason, words = failure(bed.api.ask("bad"))
    assert (reason, "other than a frame" in words) == ("AgentError", True), words
    assert bed.api.ask("good")["content"] == "fine"


def introduction(name: str = "a", profile: str = "") -> bytes:
    return encode({"type": "agent", "name": name, "profile": profile})


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"\xff" * 100, "A frame of 4294967295 bytes came"),
        ((2).to_bytes(4, "big") + b"[]", "not a JSON object"),
        ((262144).to_bytes(4, "big") + b"[" * 262144, "too deep"),
        (encode({"type": "hello", "protocol": 2}), "of another version of Raworc"),
        (introduction() * 257, "more than 256 agents"),
        (introduction("a" * 64), "name has more than 63 characters"),
        (introduction(profile="x" * 8193), "its profile more than 8192"),
    ],
    ids=["length", "array", "deep", "version", "agents", "name", "profile"],
)
def test_a_runner_that_makes_no_sense_is_left_and_the_next_one_serves(
    bed: Bed, sent: bytes, words: str
) -> None:
    bed.example("echo")
    with forging(bed) as (host, forged):
        forged.sendall(sent)
        assert forged.recv(10) == b""
        assert words in bed.output()
        runner = bed.start_runner()
        try:
            assert bed.api.ask("hi")["content"] == "hi"
        finally:
            Pod(host, runner).end()


def test_introductions_as_long_as_they_may_be_cost_the_host_little(bed: Bed) -> None:
    with forging(bed) as (host, forged):
        forged.sendall(introduction("a" * 63, chr(0x1F30D) * 8192) * 256)
        forged.sendall(encode({"type": "hello", "protocol": 1}))
        bed.api.wait_for(lambda: bed.api.claims)
        assert peak_kib(host) < 32 * 1024


@contextmanager
def forging(bed: Bed) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket]]:
    """Connect to a host in a runner's place."""
    host = bed.start_host()
    try:
        with connected(bed) as forged:
            yield host, forged
    finally:
        host.kill()
        host.wait(5)


@retry(stop=stop_after_delay(10), wait=wait_fixed(0.02), reraise=True)
def connected(bed: Bed) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(10)
        connection.connect(str(bed.socket))
    except OSError:
        connection.close()
        raise
    return connection


def test_the_socket_is_open_to_the_agents_group_alone(bed: Bed) -> None:
    with forging(bed):
        assert stat.S_IMODE(bed.socket.stat().st_mode) == 0o660


def test_a_flood_of_pieces_ends_in_a_failure_and_costs_the_host_little(bed: Bed) -> None:
    bed.agent("flood", f"{HANDLER}while True: yield 'x' * 30_000")
    pod = bed.start()
    assert failure(bed.api.ask("go", seconds=30))[0] == "AnswerTooLarge"
    assert peak_kib(pod.host) < 64 * 1024


def test_an_answer_of_16_mib_costs_the_host_at_most_64_mib(bed: Bed) -> None:
    bed.agent("long", f"{HANDLER}return chr(0x1F30D) * (4 * 1024**2)")
    pod = bed.start()
    assert len(bed.api.ask("go", seconds=30)["content"]) == 4 * 1024**2
    assert peak_kib(pod.host) < 64 * 1024


@pytest.mark.parametrize(
    "content",
    [chr(0x1F30D) + "x" * 4_100_000, "\x01" * 690_000, '"' * 2_000_000],
    ids=["wide", "control", "quotes"],
)
def test_the_longest_history_costs_the_host_at_most_64_mib(bed: Bed, content: str) -> None:
    bed.agent("size", f"{HANDLER}return str(len(context['history'][0]['content']))")
    # So much the API server gives a host, as JSON.
    assert 3.8 * 1024**2 < len(json.dumps(content)) < 4 * 1024**2
    bed.api.history = [{"role": "agent", "content": content}]
    pod = bed.start()
    assert bed.api.ask("go", seconds=30)["content"] == str(len(content))
    assert peak_kib(pod.host) < 64 * 1024


def test_a_runner_whose_limits_an_agent_has_changed_ends_and_the_next_one_serves(bed: Bed) -> None:
    bed.agent(
        "lowering",
        "import os, resource\n"
        f"{HANDLER}resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (100, 100))\n"
        "    return 'lowered'",
    )
    bed.example("echo")
    pod = bed.start()
    assert bed.api.ask("go", agent="lowering")["content"] == "lowered"
    reason, words = failure(bed.api.ask("hi", agent="echo"))
    assert (reason, "An agent has changed RLIMIT_NOFILE" in words) == ("LoadFailed", True), words
    assert pod.runner.wait(10) == 1
    pod.runner = bed.start_runner()
    assert bed.api.ask("hi", agent="echo")["content"] == "hi"


def test_a_failure_that_the_api_server_refuses_is_not_run_again(bed: Bed) -> None:
    bed.agent("once", f"{HANDLER}print('ran')\n    raise ValueError('no')")
    bed.api.fault("answers", 422, 422, 500)
    pod = bed.start()
    assert failure(bed.api.ask("go")) == ("InvalidAnswer", "What the agent answered was refused.")
    pod.terminate()
    assert pod.wait(10) == 0
    assert bed.logs("once_*_stdout.log") == "ran\n"


def test_many_small_pieces_reach_a_slow_api_server_in_few_requests(bed: Bed) -> None:
    bed.agent("small", f"{HANDLER}yield from ('0123456789' for _ in range(100_000))")
    bed.api.fault("pieces", 503, 503)
    bed.start()
    begun = time.monotonic()
    assert len(bed.api.ask("go", seconds=40)["content"]) == 1_000_000
    assert bed.api.count("pieces") <= 20 * (time.monotonic() - begun) + 5


def test_a_host_that_is_told_that_its_message_moved_on_leaves(bed: Bed) -> None:
    bed.agent("slow", f"import time\n{HANDLER}time.sleep(600)")
    bed.api.fault("heartbeat", "fenced")
    pod = bed.start()
    bed.api.send("hi")
    assert pod.wait(10) == 3
    assert not bed.api.answers
