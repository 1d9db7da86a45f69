"""What Raworc leans on goes away and comes back: nothing is lost, and nobody restarts anything."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.e2e.conftest import Connect, NewSession
from tests.e2e.kubectl import SYSTEM, Kubectl, Manifest
from tests.e2e.progress import answer, await_state
from tests.e2e.waiting import STARTED, eventually

from raworc.errors import RaworcError

PARTS = ("api", "operator")


@contextmanager
def without_mysql(kubectl: Kubectl) -> Iterator[None]:
    """Take MySQL's pod away for a while; its volume stays."""
    mysql = ("statefulset/raworc-mysql", "-n", SYSTEM)
    kubectl("scale", *mysql, "--replicas=0")
    try:
        kubectl.wait_gone("pod", "raworc-mysql-0", "-n", SYSTEM)
        yield
    finally:
        kubectl("scale", *mysql, "--replicas=1")
        kubectl("rollout", "status", *mysql, f"--timeout={STARTED}s")


def _restarts(kubectl: Kubectl, *arguments: str) -> dict[str, int]:
    def count(pod: Manifest) -> int:
        return sum(one["restartCount"] for one in pod["status"]["containerStatuses"])

    pods = kubectl.every("pods", *arguments)
    return {pod["metadata"]["name"]: count(pod) for pod in pods}


def _ours(kubectl: Kubectl, space: str) -> dict[str, int]:
    found = _restarts(kubectl, "-n", f"raworc-{space}", "-l", "raworc.dev/component=session")
    for part in PARTS:
        found |= _restarts(kubectl, "-n", SYSTEM, "-l", f"app.kubernetes.io/component={part}")
    return found


def test_mysql_goes_and_comes_back_and_nothing_is_lost(
    connect: Connect, kubectl: Kubectl, shared_space: str, new_session: NewSession
) -> None:
    sessions = [new_session("memory"), new_session("printing")]
    with connect() as api:
        for session in sessions:
            await_state(api, session.id, "idle")
        first = answer(api, api.post_message(sessions[0].id, "my name is Ann"))
        before = list(api.list_messages(sessions[0].id))
    pods = _ours(kubectl, shared_space)
    with without_mysql(kubectl), connect() as api, pytest.raises(RaworcError):
        api.post_message(sessions[0].id, "nobody writes this down")

    def works() -> bool:
        with connect() as api:
            try:
                return list(api.list_messages(sessions[0].id)) == before
            except RaworcError:
                return False

    eventually(works, "every message of before", STARTED)
    with connect() as api:
        for session in sessions:
            assert answer(api, api.post_message(session.id, "and now?"))
        assert [one.content for one in before][-1] == first
    assert _ours(kubectl, shared_space) == pods
