"""A session from its beginning to its end, by REST, by kubectl and by the command line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.e2e.agents import GREETER
from tests.e2e.bundled_registry import BundledRegistry
from tests.e2e.command_line import CommandLine
from tests.e2e.conftest import API, EXAMPLES, Connect, FreshName, NewRepository, NewSession
from tests.e2e.kubectl import SYSTEM, Kubectl, RefusedByClusterError
from tests.e2e.manifests import session_manifest, source, space_manifest
from tests.e2e.progress import answer, answers, await_built, await_state
from tests.e2e.waiting import BUILT, STARTED, eventually

from raworc.client import Client
from raworc.errors import RefusedError


def test_the_whole_path_by_rest(
    api: Client, kubectl: Kubectl, repository: NewRepository, fresh_space: FreshName
) -> None:
    repo, space = repository(), fresh_space()
    repo.push(EXAMPLES)
    api.create_space(space, agents=[source("memory", repo, "memory")])
    await_built(api, space)

    session = api.create_session(space)
    for text in ("remember that herons fish", "remember: Ada lives in Turin", "hello"):
        assert answer(api, api.post_message(session.id, text))
    await_state(api, session.id, "idle")
    api.close_session(session.id)
    await_state(api, session.id, "closed")
    kubectl.wait_gone("pod", session.name, "-n", f"raworc-{space}")

    woken = api.post_message(session.id, "What do you know?")
    assert "message 4" in (said := answer(api, woken))
    assert "I know: herons fish; Ada lives in Turin." in said
    assert len(list(api.list_messages(session.id))) == 8

    claim = kubectl.read("pvc", session.name, "-n", f"raworc-{space}")
    assert claim
    volume = claim["spec"]["volumeName"]
    api.delete_session(session.id)
    leaves_nothing(kubectl, api, session.id, session.name, f"raworc-{space}")
    kubectl.wait_gone("pv", volume)
    registry = BundledRegistry(kubectl)
    assert registry.tags(space)
    api.delete_space(space)
    kubectl.wait_gone("space", space)
    kubectl.wait_gone("namespace", f"raworc-{space}")
    eventually(lambda: registry.tags(space) == [], "the images deleted", STARTED)
    with pytest.raises(RefusedError, match=space):
        api.read_space(space)


def leaves_nothing(
    kubectl: Kubectl, api: Client, session_id: str, name: str, namespace: str
) -> None:
    """Check that a deleted session is gone from the API and from the cluster."""
    for kind in ("agentsession", "pod", "pvc"):
        kubectl.wait_gone(kind, name, "-n", namespace)

    def is_forgotten() -> bool:
        return all(
            _status(api, path) == httpx2.codes.NOT_FOUND
            for path in (f"/sessions/{session_id}", f"/sessions/{session_id}/messages")
        )

    eventually(is_forgotten, f"session {session_id} forgotten by the API")


def _status(api: Client, path: str) -> int:
    try:
        return api.request("GET", path).status_code
    except RefusedError as refused:
        return refused.status


@contextmanager
def without_api(kubectl: Kubectl) -> Iterator[None]:
    """Stop the API server for a while."""
    scale = ("scale", "deployment/raworc-api", "-n", SYSTEM)
    pods = ("pods", "-n", SYSTEM, "-l", "app.kubernetes.io/component=api")
    kubectl(*scale, "--replicas=0")
    try:
        kubectl.wait(pods, "delete")
        yield
    finally:
        kubectl(*scale, "--replicas=2")
        kubectl.rolled_out("raworc-api")
        # The node sends connections to new pods a moment after they are ready.
        eventually(lambda: answers(API), "the API on the port of the node")


def test_the_path_by_kubectl_alone_needs_no_api_server(
    kubectl: Kubectl, connect: Connect, repository: NewRepository, fresh_space: FreshName
) -> None:
    repo, space = repository(), fresh_space()
    repo.push(GREETER)
    session = ("agentsession", "by-hand", "-n", f"raworc-{space}")
    pod = ("pod", "by-hand", "-n", f"raworc-{space}")
    with without_api(kubectl):
        kubectl.apply(space_manifest(space, source("greeter", repo)))
        kubectl.wait(("space", space), "condition=Ready", BUILT)
        kubectl.apply(session_manifest("by-hand", space))
        kubectl.wait(session, "condition=PodReady")
        kubectl.wait(pod, "condition=Ready")
        kubectl.patch(session, {"closed": True})
        kubectl.wait(session, "jsonpath={.status.state}=closed")
        kubectl.wait_gone(*pod)
        kubectl.patch(session, {"closed": False})
        kubectl.wait(session, "condition=PodReady")
    with connect() as api:
        imported = eventually(lambda: list(api.list_sessions(space=space)), "import", STARTED)
        assert [one.name for one in imported] == ["by-hand"]
        assert api.read_space(space).conditions
        assert answer(api, api.post_message(imported[0].id, "you")) == "hello you"
        kubectl("delete", *session, "--wait=false")
        leaves_nothing(kubectl, api, imported[0].id, "by-hand", f"raworc-{space}")


def test_the_path_by_the_command_line(
    password: str, shared_space: str, api: Client, tmp_path: Path
) -> None:
    raworc = CommandLine(tmp_path)
    assert raworc("spaces").returncode == 5
    assert raworc("login", API, "--password-stdin", given="wrong\n").returncode == 5
    assert raworc("login", API, "--password-stdin", given=password).returncode == 0
    assert shared_space in raworc("spaces").stdout
    session_id = raworc("sessions", "create", shared_space, "--agent", "raising").stdout.strip()
    try:
        assert session_id in raworc("sessions", "--space", shared_space).stdout
        failed = raworc("send", session_id, "this")
        assert failed.returncode == 1
        assert "cannot do this" in failed.stderr
    finally:
        assert raworc("sessions", "delete", session_id).returncode == 0
    assert raworc("send", session_id, "this").returncode == 3
    assert "==> checkout" in raworc("logs", shared_space).stdout
    for session in api.list_sessions(space=shared_space):
        assert session.id != session_id


def test_a_create_survives_the_operator(
    api: Client, kubectl: Kubectl, shared_space: str, new_session: NewSession
) -> None:
    sessions = [new_session("printing") for _ in range(2)]
    for pod in kubectl.pods("operator"):
        kubectl.kill(pod, SYSTEM)
    sessions += [new_session("printing")]
    for session in sessions:
        await_state(api, session.id, "idle")
        pods = kubectl.every("pods", "-n", f"raworc-{shared_space}")
        assert [pod["metadata"]["name"] for pod in pods].count(session.name) == 1


def test_a_session_pod_is_restricted(
    api: Client, kubectl: Kubectl, shared_space: str, new_session: NewSession
) -> None:
    session = new_session("printing")
    await_state(api, session.id, "idle")
    inside = ("exec", "-n", f"raworc-{shared_space}", session.name, "--")
    assert kubectl(*inside, "id", "-u").strip() == "10001"
    assert kubectl(*inside, "id", "-g").strip() == "10001"
    with pytest.raises(RefusedByClusterError, match="Read-only file system"):
        kubectl(*inside, "touch", "/opt/raworc/x")
    capabilities = kubectl(*inside, "grep", "CapEff", "/proc/1/status").split()
    assert int(capabilities[1], 16) == 0
    with pytest.raises(RefusedByClusterError, match="No such file"):
        kubectl(*inside, "ls", "/var/run/secrets/kubernetes.io")
    assert {"RAWORC_SESSION_DIR=/session", "HOME=/session"} <= set(
        kubectl(*inside, "env").splitlines()
    )


def test_the_token_of_a_session_pod_is_no_key_to_kubernetes(
    api: Client, kubectl: Kubectl, shared_space: str, new_session: NewSession
) -> None:
    session = new_session("printing")
    await_state(api, session.id, "idle")
    path = "/var/run/secrets/raworc/token"
    token = kubectl(
        "exec", "-n", f"raworc-{shared_space}", session.name, "-c", "host", "--", "cat", path
    )
    server = ("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    # What is looked at is the refusal, so the server need not prove itself.
    answered = httpx2.get(
        f"{kubectl(*server)}/api",
        headers={"Authorization": f"Bearer {token}"},
        verify=False,
    )
    assert answered.status_code == httpx2.codes.UNAUTHORIZED
