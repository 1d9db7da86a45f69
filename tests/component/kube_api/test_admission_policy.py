"""What the API server refuses the operator's account, though its role grants it."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from http import HTTPStatus
from itertools import count
from typing import Any

import pytest
import yaml
from tests.support.kubernetes import APPLY, ROOT, KubeApi, RefusedError

RELEASE = "raworc-system"
SPACE = "wall"
INSIDE = f"raworc-{SPACE}"
BASELINE = {"pod-security.kubernetes.io/enforce": "baseline"}
LABELS = {"raworc.dev/space": SPACE, **BASELINE}
SPACES = "/apis/raworc.dev/v1alpha1/spaces"
RBAC = "rbac.authorization.k8s.io/v1"
PLURALS = {
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "ValidatingAdmissionPolicy": (
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    ),
    "ValidatingAdmissionPolicyBinding": (
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
    ),
}
WORDS = "may write only in namespaces of spaces, named 'raworc-NAME' and labelled raworc.dev"

Manifest = dict[str, Any]
_numbers = count(1)


@pytest.fixture(scope="module")
def operator(kube_api: KubeApi) -> Iterator[KubeApi]:
    """The cluster as the operator sees it: its role, and the policy of the chart."""
    for name, labels in ((RELEASE, {}), (INSIDE, LABELS), ("raworc-mine", {}), ("elsewhere", {})):
        kube_api.make_namespace(name, labels)
    # A pod needs an account, and no controller makes the usual ones here.
    for name, account in (
        (RELEASE, "raworc-operator"),
        ("default", "default"),
        ("kube-system", "default"),
    ):
        accounts = f"/api/v1/namespaces/{name}/serviceaccounts"
        if kube_api.find(f"{accounts}/{account}") is None:
            kube_api.ask("POST", accounts, {"metadata": {"name": account}})
    made = [one for one in rendered() if one["metadata"]["name"] == "raworc-operator"]
    paths = [(one, PLURALS[one["kind"]]) for one in made if one["kind"] in PLURALS]
    assert len(paths) == len(PLURALS)
    for one, path in paths:
        kube_api.ask("POST", path, one)
    seen = kube_api.as_account(RELEASE, "raworc-operator")
    wait_for_the_policy(seen)
    yield seen
    for one, path in reversed(paths):
        kube_api.ask("DELETE", f"{path}/{one['metadata']['name']}")


def rendered() -> list[Manifest]:
    program = shutil.which("helm") or pytest.fail("helm must be on the PATH")
    command = [program, "template", "raworc", "helm/raworc", "--namespace", RELEASE]
    done = subprocess.run(  # noqa: S603 - fixed arguments
        [*command, "--kube-version", "1.35.0"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def wait_for_the_policy(operator: KubeApi) -> None:
    """Wait until the API server has taken the policy in, which it does in the background."""
    deadline = time.monotonic() + 20
    while True:
        try:
            apply(operator, quota("elsewhere"))
        except RefusedError as error:
            if "may write only" in str(error):
                return
        assert time.monotonic() < deadline, "The policy had no effect."
        time.sleep(0.1)


def wait_for_the_grant(operator: KubeApi) -> None:
    """Wait until the API server's authorizer knows of a binding that allows everything."""
    deadline = time.monotonic() + 20
    wish = {"resourceAttributes": {"group": "*", "resource": "*", "verb": "*"}}
    review = {"spec": wish}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    while not operator.ask("POST", path, review)["status"]["allowed"]:
        assert time.monotonic() < deadline, "The binding had no effect."
        time.sleep(0.1)


def collection(manifest: Manifest) -> str:
    """Return the path of all objects of a manifest's kind and namespace."""
    metadata = manifest["metadata"]
    plural = f"{manifest['kind'].lower()}s".replace("policys", "policies")
    version = manifest["apiVersion"]
    start = f"/apis/{version}" if "/" in version else f"/api/{version}"
    inside = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{start}{inside}/{plural}"


def apply(api: KubeApi, manifest: Manifest, *, subresource: str = "") -> Manifest:
    """Apply an object as the operator does."""
    path = f"{collection(manifest)}/{manifest['metadata']['name']}{subresource}"
    manager = {"fieldManager": "raworc-operator", "force": "true"}
    return api.ask("PATCH", path, manifest, APPLY, query=manager)


def write(api: KubeApi, manifest: Manifest) -> Manifest:
    """Write a child as the operator does: what it never changes it creates."""
    if manifest["kind"] in {"Pod", "PersistentVolumeClaim", "Job"}:
        return api.ask("POST", collection(manifest), manifest)
    apply(api, manifest)
    return apply(api, manifest)


def thing(
    kind: str, namespace: str | None, name: str, version: str = "v1", **parts: object
) -> Manifest:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **parts}


def quota(namespace: str) -> Manifest:
    return thing("ResourceQuota", namespace, "raworc", spec={"hard": {"pods": "9"}})


def pod(namespace: str, name: str = "talk") -> Manifest:
    return thing("Pod", namespace, name, spec={"containers": [{"name": "one", "image": "none"}]})


def children(namespace: str) -> list[Manifest]:
    """One of every kind that the operator writes."""
    job = {"template": {"spec": {**pod("")["spec"], "restartPolicy": "Never"}}}
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    rule = {"podSelector": {}, "policyTypes": ["Ingress"]}
    return [
        quota(namespace),
        pod(namespace),
        thing("ServiceAccount", namespace, "raworc-session"),
        thing("ConfigMap", namespace, "raworc-ca", data={"ca.crt": "PEM"}),
        thing("Secret", namespace, "raworc-push", stringData={"a": "b"}),
        thing("PersistentVolumeClaim", namespace, "talk", spec=claim),
        thing("Job", namespace, "build-1", "batch/v1", spec=job),
        thing("NetworkPolicy", namespace, "raworc-sessions", "networking.k8s.io/v1", spec=rule),
    ]


def namespace(name: str, labels: dict[str, str]) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def refused(api: KubeApi, manifest: Manifest, words: str) -> None:
    with pytest.raises(RefusedError, match=words) as caught:
        write(api, manifest)
    assert caught.value.status == HTTPStatus.FORBIDDEN


def space(kube_api: KubeApi, **spec: Any) -> Manifest:  # noqa: ANN401
    made = thing("Space", None, f"space-{next(_numbers)}", "raworc.dev/v1alpha1", spec=spec)
    kube_api.ask("POST", SPACES, made)
    return made


def test_the_operator_writes_its_children_in_the_namespace_of_a_space(operator: KubeApi) -> None:
    for child in children(INSIDE):
        write(operator, child)
    for path in ("api/v1", "apis/batch/v1"):
        plural, name = ("pods", "talk") if path == "api/v1" else ("jobs", "build-1")
        operator.ask("DELETE", f"/{path}/namespaces/{INSIDE}/{plural}/{name}")


@pytest.mark.parametrize("elsewhere", ["default", "kube-system", RELEASE, "raworc-mine"])
@pytest.mark.parametrize("child", children("x"), ids=lambda child: child["kind"])
def test_the_operator_writes_nothing_in_other_namespaces(
    operator: KubeApi, child: Manifest, elsewhere: str
) -> None:
    moved = {**child, "metadata": {**child["metadata"], "namespace": elsewhere}}
    refused(operator, moved, WORDS)


def test_the_operator_neither_changes_nor_deletes_what_is_elsewhere(
    kube_api: KubeApi, operator: KubeApi
) -> None:
    there = pod(RELEASE, "mysql")
    apply(kube_api, there)
    path = f"/api/v1/namespaces/{RELEASE}/pods/mysql"
    changed = {**there, "metadata": {**there["metadata"], "labels": {"a": "b"}}}
    with pytest.raises(RefusedError, match="cannot patch resource"):
        apply(operator, changed)
    with pytest.raises(RefusedError, match=WORDS):
        operator.ask("DELETE", path)
    assert kube_api.ask("GET", path)["metadata"].get("labels") is None


def test_the_operator_makes_the_namespace_of_a_space_and_keeps_it_up(
    kube_api: KubeApi, operator: KubeApi
) -> None:
    wanted = namespace("raworc-new", {"raworc.dev/space": "new", **BASELINE})
    apply(operator, wanted)
    apply(operator, {**wanted, "metadata": {**wanted["metadata"], "annotations": {"a": "b"}}})
    # One that somebody else made and labelled for a space is adopted.
    kube_api.make_namespace("raworc-adopted", {"raworc.dev/space": "adopted"})
    apply(operator, namespace("raworc-adopted", {"raworc.dev/space": "adopted", **BASELINE}))


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("other-new", {"raworc.dev/space": "new", **BASELINE}),
        ("raworc-new2", {"raworc.dev/space": "new", **BASELINE}),
        ("raworc-new3", BASELINE),
        ("kube-system", {"raworc.dev/space": "kube-system", **BASELINE}),
        ("default", {"raworc.dev/space": "default", **BASELINE}),
        # Names of the right form, of namespaces that are nobody's to take.
        (RELEASE, {"raworc.dev/space": "system", **BASELINE}),
        ("raworc-mine", {"raworc.dev/space": "mine", **BASELINE}),
    ],
)
def test_the_operator_neither_makes_nor_takes_other_namespaces(
    operator: KubeApi, name: str, labels: dict[str, str]
) -> None:
    refused(operator, namespace(name, labels), WORDS)


@pytest.mark.parametrize("level", [{}, {"pod-security.kubernetes.io/enforce": "privileged"}])
def test_the_operator_lets_no_pod_be_privileged(operator: KubeApi, level: dict[str, str]) -> None:
    made = namespace("raworc-loose", {"raworc.dev/space": "loose", **level})
    refused(operator, made, "nor let their pods be privileged")


def test_a_release_that_looks_like_a_space_is_closed_all_the_same(
    kube_api: KubeApi, operator: KubeApi
) -> None:
    kube_api.ask(
        "PATCH",
        f"/api/v1/namespaces/{RELEASE}",
        {"metadata": {"labels": {"raworc.dev/space": "system"}}},
        "application/merge-patch+json",
    )
    refused(operator, quota(RELEASE), WORDS)


def test_the_operator_tells_of_spaces_and_of_sessions_wherever_they_are(
    kube_api: KubeApi, operator: KubeApi
) -> None:
    session = thing("AgentSession", "elsewhere", "lost", "raworc.dev/v1alpha1", spec={"space": "x"})
    apply(kube_api, session)
    for about in (space(kube_api), session):
        status = {key: value for key, value in about.items() if key != "spec"}
        apply(operator, {**status, "status": {"observedGeneration": 1}}, subresource="/status")
        inside = about["metadata"].get("namespace", "default")
        event = {
            "metadata": {"name": f"told.{next(_numbers)}", "namespace": inside},
            "involvedObject": {"kind": about["kind"], **about["metadata"]},
            "reason": "Told",
        }
        operator.ask("POST", f"/api/v1/namespaces/{inside}/events", event)


@pytest.fixture
def almighty(kube_api: KubeApi, operator: KubeApi) -> Iterator[KubeApi]:
    """The operator with every right by mistake: the policy is about the account, not its role."""
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    roles = f"/apis/{RBAC}"
    subject = {"kind": "ServiceAccount", "name": "raworc-operator", "namespace": RELEASE}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "too-much"}
    identity = {"metadata": {"name": "too-much"}}
    kube_api.ask("POST", f"{roles}/clusterroles", {**identity, "rules": [everything]})
    binding = {**identity, "roleRef": reference, "subjects": [subject]}
    kube_api.ask("POST", f"{roles}/clusterrolebindings", binding)
    wait_for_the_grant(operator)
    yield operator
    kube_api.ask("DELETE", f"{roles}/clusterrolebindings/too-much")
    kube_api.ask("DELETE", f"{roles}/clusterroles/too-much")


def test_what_is_of_the_whole_cluster_is_not_the_operators(almighty: KubeApi) -> None:
    refused(almighty, thing("ClusterRole", None, "mine", RBAC, rules=[]), WORDS)
    refused(almighty, thing("Node", None, "node-1"), WORDS)
    with pytest.raises(RefusedError, match="must not delete namespaces"):
        almighty.ask("DELETE", f"/api/v1/namespaces/{INSIDE}")
    with pytest.raises(RefusedError, match=WORDS):
        almighty.ask("DELETE", "/api/v1/namespaces/elsewhere/serviceaccounts/default")


def test_the_operator_makes_and_deletes_no_space_and_no_session(
    kube_api: KubeApi, almighty: KubeApi
) -> None:
    words = "must not create or delete Spaces and AgentSessions"
    with pytest.raises(RefusedError, match=words):
        almighty.ask("DELETE", f"{SPACES}/{space(kube_api)['metadata']['name']}")
    made = thing("Space", None, "its", "raworc.dev/v1alpha1", spec={})
    session = thing("AgentSession", INSIDE, "its", "raworc.dev/v1alpha1", spec={"space": SPACE})
    for one in (made, session):
        refused(almighty, one, words)


def test_the_operator_leaves_the_spec_alone(kube_api: KubeApi, almighty: KubeApi) -> None:
    made = space(kube_api, description="mine")
    path = f"{SPACES}/{made['metadata']['name']}"
    merge = "application/merge-patch+json"
    almighty.ask("PATCH", path, {"metadata": {"annotations": {"raworc.dev/seen": "1"}}}, merge)
    changes: list[Manifest] = [{"description": "its"}, {"agents": []}]
    for change in changes:
        with pytest.raises(RefusedError, match="nor change their spec"):
            almighty.ask("PATCH", path, {"spec": change}, merge)


def test_the_operator_does_not_reach_into_what_is_elsewhere(
    kube_api: KubeApi, almighty: KubeApi
) -> None:
    apply(kube_api, pod("elsewhere", "victim"))
    status = {"status": {"phase": "Failed"}}
    merge = "application/merge-patch+json"
    victim = "/api/v1/namespaces/elsewhere/pods/victim"
    with pytest.raises(RefusedError, match=WORDS):
        almighty.ask("PATCH", victim, {"metadata": {"labels": {"a": "b"}}}, merge)
    with pytest.raises(RefusedError, match=WORDS):
        almighty.ask("PATCH", f"{victim}/status", status, merge)
    with pytest.raises(RefusedError, match=WORDS):
        almighty.ask("POST", f"{victim}/exec", query={"command": "ls", "stdout": "true"})


def test_the_operator_only_adds_events(kube_api: KubeApi, almighty: KubeApi) -> None:
    about = {"involvedObject": {"kind": "Pod", "name": "x", "namespace": "elsewhere"}}
    told = f"told.{next(_numbers)}"
    events = "/api/v1/namespaces/elsewhere/events"
    kube_api.ask("POST", events, {"metadata": {"name": told, "namespace": "elsewhere"}, **about})
    with pytest.raises(RefusedError, match=WORDS):
        almighty.ask("DELETE", f"{events}/{told}")


def test_others_are_left_alone_by_the_policy(kube_api: KubeApi, operator: KubeApi) -> None:
    del operator
    apply(kube_api, quota("elsewhere"))
    kube_api.ask("DELETE", "/api/v1/namespaces/elsewhere/resourcequotas/raworc")
