"""The release goes on to another version and back, while sessions live."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.e2e.conftest import Connect, FreshName, NewSession
from tests.e2e.helm import Helm
from tests.e2e.kubectl import SYSTEM, Kubectl, Manifest, RefusedByClusterError
from tests.e2e.manifests import session_manifest, space_manifest
from tests.e2e.neighbours import RESTRICTED_CONTAINER, RESTRICTED_POD
from tests.e2e.progress import await_state
from tests.e2e.talk import Talk
from tests.e2e.waiting import BUILT, SOON, STARTED, eventually

from raworc.client import Client
from raworc_crds import __version__

NEXT_VERSION = Path(__file__).parents[2] / "hack" / "next-version"
# What hack/next-version adds to the schema, and the number that it gives itself.
NEXT, REVISION = "99.0.0", "9999"
# What the definitions of a next version may have.
FIELD = {"mood": "calm"}
DEFINITIONS = ("spaces", "agentsessions")


def in_database(kubectl: Kubectl, sql: str) -> str:
    """Ask the bundled MySQL as its root."""
    client = 'MYSQL_PWD="$MYSQL_ROOT_PASSWORD" exec mysql --user=root --skip-column-names raworc'
    pod = ("raworc-mysql-0", "-n", SYSTEM, "-i")
    return kubectl("exec", *pod, "--", "sh", "-c", client, given=sql).strip()


@contextmanager
def schema_of_before(kubectl: Kubectl) -> Iterator[None]:
    """Take away afterwards what a next version added to the schema; no version does so."""
    former = in_database(kubectl, "SELECT version_num FROM schema_version")
    yield
    if in_database(kubectl, "SELECT version_num FROM schema_version") == REVISION:
        known = f"UPDATE schema_version SET version_num = '{former}'"  # noqa: S608 - a number of ours
        in_database(kubectl, f"ALTER TABLE sessions DROP COLUMN mood; {known}")


@contextmanager
def next_version(kubectl: Kubectl) -> Iterator[None]:
    """Run the next version for a while, and then again what runs now."""
    helm = Helm(kubectl.context)
    former = helm.values()
    done = subprocess.run([NEXT_VERSION], check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own script
    image = {**former["image"], "tag": done.stdout.strip()}
    with helm.told({**former, "image": image}):
        yield


def seen_by(kubectl: Kubectl, space: str, version: str) -> tuple[str, set[str]]:
    """Wait until a version looked at a space; return the image, and the names of its builds."""
    path = "jsonpath={.status.build.operatorVersion}"
    kubectl.wait(("space", space), f"{path}={version}", BUILT)
    kubectl.wait(("space", space), "condition=Built", BUILT)
    jobs = {job["metadata"]["name"] for job in kubectl.every("jobs", "-n", f"raworc-{space}")}
    return (kubectl.read("space", space) or {})["status"]["image"], jobs


# Two upgrades, each of which waits until every part of the release is there.
@pytest.mark.timeout(2 * BUILT)
def test_sessions_go_on_with_the_next_version_and_with_the_one_before(
    connect: Connect, kubectl: Kubectl, shared_space: str, new_session: NewSession
) -> None:
    with connect() as api:
        running = Talk.begin(api, new_session("memory"), "herons fish", "Ada lives in Turin")
        closed = Talk.begin(api, new_session("memory"), "herons fish")
        api.close_session(closed.session.id)
        await_state(api, closed.session.id, "closed")
    built = seen_by(kubectl, shared_space, __version__)
    pod = ("pod", running.session.name, "-n", f"raworc-{shared_space}")
    before = kubectl.read(*pod) or {}
    with schema_of_before(kubectl):
        with next_version(kubectl), connect() as api:
            assert api.version()["version"] == NEXT
            running.goes_on(api)
            closed.goes_on(api)
            assert seen_by(kubectl, shared_space, NEXT) == built
        with connect() as api:
            assert api.version()["version"] == __version__
            assert in_database(kubectl, "SELECT version_num FROM schema_version") == REVISION
            running.goes_on(api)
            closed.goes_on(api)
            assert seen_by(kubectl, shared_space, __version__) == built
    assert (kubectl.read(*pod) or {})["metadata"]["uid"] == before["metadata"]["uid"]


@contextmanager
def wider_definitions(kubectl: Kubectl) -> Iterator[None]:
    """Have the definitions of a next version, with a field more in spec and status, for a while."""
    fields = [
        f"/spec/versions/0/schema/openAPIV3Schema/properties/{part}/properties/mood"
        for part in ("spec", "status")
    ]
    added = [{"op": "add", "path": path, "value": {"type": "string"}} for path in fields]
    _patch_definitions(kubectl, added)
    try:
        eventually(lambda: _are_served(kubectl), "the field served", SOON)
        yield
    finally:
        _patch_definitions(kubectl, [{"op": "remove", "path": path} for path in fields])


def _patch_definitions(kubectl: Kubectl, patch: list[Manifest]) -> None:
    for plural in DEFINITIONS:
        kubectl("patch", "crd", f"{plural}.raworc.dev", "--type=json", "-p", json.dumps(patch))


def _are_served(kubectl: Kubectl) -> bool:
    try:
        return all(kubectl("explain", f"{plural}.status.mood") for plural in DEFINITIONS)
    except RefusedByClusterError:
        return False


def test_what_a_next_version_wrote_into_spec_and_status_is_kept(
    api: Client, kubectl: Kubectl, fresh_space: FreshName
) -> None:
    name = fresh_space()
    space, session = ("space", name), ("agentsession", "talk", "-n", f"raworc-{name}")

    def shown(target: tuple[str, ...]) -> Manifest:
        found = kubectl.read(*target) or {}
        return {"spec": found["spec"], "status": found["status"]}

    with wider_definitions(kubectl):
        kubectl.apply({**space_manifest(name), "spec": {"agents": [], **FIELD}})
        kubectl.wait(space, "condition=NamespaceReady")
        talk = session_manifest("talk", name)
        kubectl.apply({**talk, "spec": {**talk["spec"], "closed": True, **FIELD}})
        kubectl.wait(session, "jsonpath={.status.state}=closed")
        for target in (space, session):
            status = json.dumps({"status": FIELD})
            kubectl("patch", *target, "--subresource=status", "--type=merge", "-p", status)
        (imported,) = eventually(lambda: list(api.list_sessions(space=name)), "import", STARTED)
        api.request("PATCH", f"/spaces/{name}", {"description": "by rest"})
        api.restore_session(imported.id)
        kubectl.wait(space, "jsonpath={.status.observedGeneration}=2")
        kubectl.wait(session, "jsonpath={.status.observedGeneration}=2")
        for target, wish in ((space, {"description": "by rest"}), (session, {"space": name})):
            assert shown(target)["spec"].items() >= {**wish, **FIELD}.items()
            assert shown(target)["status"].items() >= FIELD.items()
        kubectl("delete", *space)
        kubectl.wait_gone("namespace", f"raworc-{name}")


@contextmanager
def without_operator(kubectl: Kubectl) -> Iterator[None]:
    """Stop the operator for a while."""
    scale = ("scale", "deployment/raworc-operator", "-n", SYSTEM)
    kubectl(*scale, "--replicas=0")
    try:
        pods = ("pods", "-n", SYSTEM, "-l", "app.kubernetes.io/component=operator")
        kubectl.wait(pods, "delete")
        yield
    finally:
        kubectl(*scale, "--replicas=1")


def pod_of_one_container(pod: Manifest) -> Manifest:
    """Make of a session's pod one as version 0.1.0 made them; it only waits."""
    metadata = {
        key: pod["metadata"][key] for key in ("name", "namespace", "labels", "ownerReferences")
    }
    (image,) = [one["image"] for one in pod["spec"]["containers"] if one["name"] == "agent"]
    host = {"name": "host", "image": image, "command": ["sleep", "infinity"]}
    spec = {
        "serviceAccountName": pod["spec"]["serviceAccountName"],
        "automountServiceAccountToken": False,
        "imagePullSecrets": pod["spec"]["imagePullSecrets"],
        "terminationGracePeriodSeconds": 1,
        "securityContext": RESTRICTED_POD,
        "containers": [{**host, "securityContext": RESTRICTED_CONTAINER}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def test_a_pod_of_one_container_is_replaced_and_its_session_goes_on(
    api: Client, kubectl: Kubectl, shared_space: str, new_session: NewSession
) -> None:
    talk = Talk.begin(api, new_session("memory"), "herons fish")
    target = ("pod", talk.session.name, "-n", f"raworc-{shared_space}")
    with without_operator(kubectl):
        made = kubectl.read(*target) or {}
        kubectl("delete", *target)
        kubectl.apply(pod_of_one_container(made))
        kubectl.wait(target, "condition=Ready")
        # So that its image counts as one of 0.1.0.
        unknown = json.dumps({"status": {"build": {"operatorVersion": None}}})
        space = ("space", shared_space, "--subresource=status", "--type=merge")
        kubectl("patch", *space, "-p", unknown)
    talk.goes_on(api)
    found = kubectl.read(*target) or {}
    assert [one["name"] for one in found["spec"]["containers"]] == ["host", "agent"]
    chosen = f"--field-selector=reason=PodReplaced,involvedObject.name={talk.session.name}"
    told = kubectl.every("events", "-n", f"raworc-{shared_space}", chosen)
    assert ["PodOutdated" in event["message"] for event in told] == [True]
