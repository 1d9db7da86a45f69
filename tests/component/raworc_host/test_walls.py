"""What agents try against the host and the runner, and what becomes of it."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest
from tests.component.raworc_host.session_bed import Bed, Pod
from tests.component.raworc_host.test_agents_in_host import failure, wait_until_gone

HANDLER = "def process_message(message, context):\n    "


def peak_kib(pod: Pod) -> int:
    status = Path(f"/proc/{pod.host.pid}/status").read_text()
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
    bed.environment["RAWORC_BUSY_TIMEOUT_SECONDS"] = "0.5"
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
    bed.environment["RAWORC_BUSY_TIMEOUT_SECONDS"] = "1"
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
    bed.environment["RAWORC_BUSY_TIMEOUT_SECONDS"] = "1"
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
    # Files of a process that may not be traced belong to root; here everything does, so look at
    # what the kernel says: its memory has no owner but root.
    assert Path(f"/proc/{pod.runner.pid}/environ").stat().st_uid == 0
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
    assert (reason, "not a frame" in words) == ("AgentError", True), words
    assert bed.api.ask("good")["content"] == "fine"


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff" * 100,
        (2).to_bytes(4, "big") + b"[]",
        (262144).to_bytes(4, "big") + b"[" * 262144,
    ],
)
def test_a_runner_that_makes_no_sense_is_left_and_the_next_one_serves(
    bed: Bed, sent: bytes
) -> None:
    bed.example("echo")
    host = bed.start_host()
    while not bed.socket.exists():
        assert host.poll() is None
    with socket.socket(socket.AF_UNIX) as forged:
        forged.connect(str(bed.socket))
        forged.sendall(sent)
        assert forged.recv(10) == b""
    pod = Pod(host, bed.start_runner())
    try:
        assert bed.api.ask("hi")["content"] == "hi"
    finally:
        pod.end()


def test_a_flood_of_pieces_ends_in_a_failure_and_costs_the_host_little(bed: Bed) -> None:
    bed.agent("flood", f"{HANDLER}while True: yield 'x' * 30_000")
    pod = bed.start()
    assert failure(bed.api.ask("go", seconds=30))[0] == "AnswerTooLarge"
    assert peak_kib(pod) < 64 * 1024


def test_an_answer_of_16_mib_costs_the_host_at_most_64_mib(bed: Bed) -> None:
    bed.agent("long", f"{HANDLER}return chr(0x1F30D) * (4 * 1024**2)")
    pod = bed.start()
    assert len(bed.api.ask("go", seconds=30)["content"]) == 4 * 1024**2
    assert peak_kib(pod) < 64 * 1024


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
