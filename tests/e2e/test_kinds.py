"""What users of kubectl and Helm see of Raworc."""

import pytest
from tests.e2e.conftest import NewSession
from tests.e2e.helm import RELEASE, Helm
from tests.e2e.kubectl import Kubectl
from tests.e2e.progress import await_state

from raworc.client import Client


def test_kubectl_get_shows_what_counts(
    api: Client, kubectl: Kubectl, shared_space: str, new_session: NewSession
) -> None:
    session = new_session("printing")
    await_state(api, session.id, "idle")
    heading, row = kubectl("get", "rspace", shared_space).splitlines()
    assert heading.split() == ["NAME", "READY", "REASON", "BUILT", "SESSIONS", "RUNNING", "AGE"]
    assert row.split()[:4] == [shared_space, "True", "Ready", "Built"]
    target = ("asess", session.name, "-n", f"raworc-{shared_space}")
    kubectl.wait(target, "condition=Ready")
    heading, row = kubectl("get", *target).splitlines()
    assert heading.split() == ["NAME", "STATE", "READY", "REASON", "AGENT", "AGE"]
    assert row.split()[:4] == [session.name, "idle", "True", "Ready"]
    assert session.name in kubectl("get", "raworc", "-n", f"raworc-{shared_space}")


@pytest.mark.parametrize(
    "field",
    [
        "space.spec.agents.repo",
        "space.spec.network.egress.cidr",
        "space.spec.network.internet",
        "space.spec.rebuild",
        "space.status.conditions.reason",
        "agentsession.spec.closed",
        "agentsession.spec.busyTimeoutSeconds",
        "agentsession.status.state",
    ],
)
def test_kubectl_explain_describes_a_field(kubectl: Kubectl, field: str) -> None:
    description = kubectl("explain", field).partition("DESCRIPTION:")[2]
    assert len(description.split()) >= 3


def test_helm_test_passes(kubectl: Kubectl) -> None:
    assert "Succeeded" in Helm(kubectl.context)("test", RELEASE)
