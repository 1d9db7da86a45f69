"""What goes wrong with the pod of a session, and what happens once it is mended."""

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest
from tests.e2e.agents import GREETER
from tests.e2e.conftest import NewRepository
from tests.e2e.kubectl import SYSTEM, Kubectl, Manifest
from tests.e2e.manifests import session_manifest, source, space_manifest
from tests.e2e.waiting import BUILT, STARTED, eventually

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
# What no event tells of is found by the resync, which looks every minute.
FOUND = STARTED + 60


@pytest.fixture(scope="module")
def space(kubectl: Kubectl, repository: NewRepository) -> Iterator[str]:
    """Build a Space with one agent for all tests here."""
    repo, name = repository(), f"e2e-{uuid4().hex[:8]}"
    repo.push(GREETER)
    kubectl.apply(space_manifest(name, source("greeter", repo)))
    kubectl.wait(("space", name), "condition=Ready", BUILT)
    yield name
    kubectl("delete", "space", name, "--ignore-not-found", "--wait=false")


@pytest.fixture
def lost_node(kubectl: Kubectl) -> Iterator[str]:
    """Have a node without a kubelet, of which an administrator says that it is shut down."""
    name = f"e2e-{uuid4().hex[:8]}"
    taints = [{"key": OUT_OF_SERVICE, "value": "nodeshutdown", "effect": "NoExecute"}]
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
    with kubectl.applied({**node, "spec": {"taints": taints}}):
        yield name


def of(session: str, space: str, kind: str = "agentsession") -> tuple[str, ...]:
    return (kind, session, "-n", f"raworc-{space}")


def reason(kubectl: Kubectl, session: str, space: str) -> str | None:
    found = kubectl.condition(of(session, space), "PodReady").get("reason")
    return str(found) if found else None


def uid(kubectl: Kubectl, session: str, space: str) -> str:
    pod = kubectl.read(*of(session, space, "pod"))
    return str(pod["metadata"]["uid"]) if pod else ""


def too_large(name: str, space: str) -> Manifest:
    session = session_manifest(name, space)
    resources = {"requests": {"cpu": "1k"}, "limits": {"cpu": "1k"}}
    return {**session, "spec": {**session["spec"], "resources": resources}}


def test_a_bad_annotation_of_a_pod_stops_nothing(kubectl: Kubectl, space: str) -> None:
    operator = kubectl.pods("operator")
    kubectl.apply(session_manifest("annotated", space))
    kubectl.wait(of("annotated", space), "condition=PodReady")
    pod = of("annotated", space, "pod")
    kubectl("annotate", *pod, "raworc.dev/restarts=x", "raworc.dev/template=", "--overwrite")
    kubectl.patch(of("annotated", space), {"closed": True})
    kubectl.wait(of("annotated", space), "jsonpath={.status.state}=closed")
    kubectl.apply(session_manifest("other", space))
    kubectl.wait(of("other", space), "condition=PodReady")
    assert kubectl.pods("operator") == operator
    statuses = kubectl.read("pod", operator[0], "-n", SYSTEM) or {}
    assert [one["restartCount"] for one in statuses["status"]["containerStatuses"]] == [
        0 for _ in statuses["status"]["containerStatuses"]
    ]


def test_a_pod_whose_image_was_mended_is_replaced(kubectl: Kubectl, space: str) -> None:
    good = (kubectl.read("space", space) or {})["status"]["image"]

    def have_image(image: str) -> None:
        patch = json.dumps({"status": {"image": image}})
        kubectl("patch", "space", space, "--subresource=status", "--type=merge", "-p", patch)

    running = session_manifest("running", space)
    kubectl.apply(running)
    kubectl.wait(of("running", space), "condition=PodReady")
    untouched = uid(kubectl, "running", space)
    have_image(f"{good.partition('@')[0]}@sha256:{'0' * 64}")
    kubectl.apply(session_manifest("mended", space))
    eventually(
        lambda: reason(kubectl, "mended", space) == "ImagePullFailed", "a failed pull", STARTED
    )
    have_image(good)
    kubectl.wait(of("mended", space), "condition=PodReady", FOUND)
    assert uid(kubectl, "running", space) == untouched


def test_a_pod_that_no_node_can_run_is_replaced_once_it_asks_for_less(
    kubectl: Kubectl, space: str
) -> None:
    kubectl.apply(too_large("large", space))
    eventually(lambda: reason(kubectl, "large", space) == "Unschedulable", "no node", STARTED)
    kubectl.patch(of("large", space), {"resources": None})
    kubectl.wait(of("large", space), "condition=PodReady")


def test_a_pod_on_a_node_that_is_out_of_service_is_replaced_by_force(
    kubectl: Kubectl, space: str, lost_node: str
) -> None:
    kubectl.apply(too_large("lost", space))
    eventually(lambda: reason(kubectl, "lost", space) == "Unschedulable", "no node", STARTED)
    before = uid(kubectl, "lost", space)
    kubectl("scale", "deployment/raworc-operator", "-n", SYSTEM, "--replicas=0")
    try:
        kubectl.patch(of("lost", space), {"resources": None})
        target = {"apiVersion": "v1", "kind": "Node", "name": lost_node}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "lost"}}
        path = f"/api/v1/namespaces/raworc-{space}/pods/lost/binding"
        kubectl("create", "--raw", path, "-f", "-", given=json.dumps({**binding, "target": target}))
    finally:
        kubectl("scale", "deployment/raworc-operator", "-n", SYSTEM, "--replicas=1")
    kubectl.wait(of("lost", space), "condition=PodReady", FOUND)
    assert uid(kubectl, "lost", space) not in {"", before}
