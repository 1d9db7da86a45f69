"""The walls of a session's pod: what a kill, a cancellation and a time-out end, and what not."""

import subprocess

from tests.e2e.conftest import Connect, NewSession
from tests.e2e.kubectl import Kubectl
from tests.e2e.listening import Listener, is_piece
from tests.e2e.progress import answer, settled

from raworc.client import Client


def kill_container(kubectl: Kubectl, session: str, namespace: str, container: str) -> None:
    """Kill PID 1 of a container from its node, as the kernel does where memory has run out."""
    pod = kubectl.read("pod", session, "-n", namespace)
    assert pod
    statuses = {one["name"]: one for one in pod["status"]["containerStatuses"]}
    identity = statuses[container]["containerID"].removeprefix("containerd://")
    command = ("ctr", "-n", "k8s.io", "tasks", "kill", "-s", "SIGKILL", identity)
    node = pod["spec"]["nodeName"]
    subprocess.run(["docker", "exec", node, *command], check=True, timeout=30)  # noqa: S603, S607 - the engine that the path finds


def run_beside_agents(
    kubectl: Kubectl, session: str, space: str, script: str, container: str = "agent"
) -> str:
    """Run a script in the container of a session's agents, and return what it printed."""
    pod = (session, "-n", f"raworc-{space}", "-c", container)
    return kubectl("exec", *pod, "--", "sh", "-c", script)


def test_a_killed_agents_container_fails_one_message_and_the_session_answers_again(
    api: Client, connect: Connect, kubectl: Kubectl, shared_space: str, new_session: NewSession
) -> None:
    session = new_session("daemons")
    listener = Listener(connect(), session.id)
    message = api.post_message(session.id, "hang")
    listener.until(is_piece)
    kill_container(kubectl, session.name, f"raworc-{shared_space}", "agent")
    failed = settled(api, message)
    assert failed.error
    assert (failed.status, failed.error.reason) == ("failed", "AgentKilled")
    assert "memory" in failed.error.message
    assert answer(api, api.post_message(session.id, "next")) == "still here"


def test_a_message_is_cancelled_while_its_agent_works(
    api: Client, connect: Connect, shared_space: str, new_session: NewSession
) -> None:
    assert shared_space
    session = new_session("daemons")
    listener = Listener(connect(), session.id)
    working, waiting = api.post_message(session.id, "hang"), api.post_message(session.id, "wait")
    listener.until(is_piece)
    assert api.cancel_message(session.id, waiting.id).status == "cancelled"
    api.cancel_message(session.id, working.id)
    assert settled(api, working).status == "cancelled"
    assert answer(api, api.post_message(session.id, "next")) == "still here"


def test_what_an_agent_left_running_ends_with_the_turn_that_times_out(
    api: Client, kubectl: Kubectl, shared_space: str, new_session: NewSession
) -> None:
    session = new_session("daemons", busy_timeout_seconds=2)
    failed = settled(api, api.post_message(session.id, "hang"))
    assert failed.error
    assert failed.error.reason == "BusyTimeout"
    shown = run_beside_agents(
        kubectl, session.name, shared_space, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"
    )
    assert "raworc/runner" in shown
    assert "4242" not in shown


def test_an_agent_that_takes_the_runner_s_descriptors_ends_with_its_turn(
    api: Client, kubectl: Kubectl, shared_space: str, new_session: NewSession
) -> None:
    session = new_session("lowering", busy_timeout_seconds=2)
    failed = settled(api, api.post_message(session.id, "lower"))
    assert failed.error
    assert failed.error.reason == "BusyTimeout"
    assert answer(api, api.post_message(session.id, "next")) == "still here"
    shown = run_beside_agents(
        kubectl, session.name, shared_space, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"
    )
    assert shown.count("agents/lowering") == 1


def test_the_agents_container_has_no_token_and_its_runner_is_out_of_reach(
    api: Client, kubectl: Kubectl, shared_space: str, new_session: NewSession
) -> None:
    session = new_session("daemons")
    assert answer(api, api.post_message(session.id, "hi")) == "still here"
    # Into what is mounted too.
    tokens = (
        "find / -path /proc -prune -o -path /sys -prune -o -name token -print 2>/dev/null; "
        # What may not be read makes it fail.
        "true"
    )
    in_host = run_beside_agents(kubectl, session.name, shared_space, tokens, container="host")
    assert "/secrets/raworc/token" in in_host
    assert "/secrets/" not in run_beside_agents(kubectl, session.name, shared_space, tokens)
    found = run_beside_agents(
        kubectl,
        session.name,
        shared_space,
        "mv /run/raworc/host.sock /run/raworc/other 2>&1; stat -c 'runner of %u' /proc/1/environ",
    )
    assert "Read-only file system" in found
    # The kernel gives to root what may not be traced.
    assert "runner of 0\n" in found
