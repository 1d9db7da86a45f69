"""The bundled registry: who may do what there, what is believed of it, and what it holds back."""

from secrets import token_hex

import httpx2
import pytest
from tests.e2e.agents import CURIOUS, GREETER
from tests.e2e.bundled_registry import PORTS, BundledRegistry
from tests.e2e.conftest import FreshName, NewRepository
from tests.e2e.helm import Helm
from tests.e2e.kubectl import SYSTEM, Kubectl, Manifest
from tests.e2e.manifests import source, space_manifest
from tests.e2e.progress import answer, await_built
from tests.e2e.waiting import BUILT, STARTED, eventually

from raworc.client import Client

# What the accounts take on their way to all spaces, at most, as the chart's README says.
HANDED_ON = 180
BALLAST = 4 * 1024 * 1024
ABSENT = "sha256:" + "0" * 64
READS = [("GET", "/"), ("GET", "/_catalog"), ("GET", "/raworc/agent/tags/list")]
WRITES = [
    ("POST", "/raworc/agent/blobs/uploads/"),
    ("PUT", "/raworc/agent/manifests/0.1.0"),
    ("DELETE", f"/raworc/agent/manifests/{ABSENT}"),
]


@pytest.fixture
def registry(kubectl: Kubectl) -> BundledRegistry:
    return BundledRegistry(kubectl)


@pytest.mark.parametrize("use", PORTS)
def test_nobody_reads_writes_or_deletes_without_the_account_of_the_port(
    registry: BundledRegistry, use: str
) -> None:
    other = "pull" if use == "push" else "push"
    user, _ = registry.account(use)
    for account in (None, registry.account(other), (user, "guessed")):
        with registry.opened(use, account) as client:
            said = {one: client.request(*one).status_code for one in READS + WRITES}
        assert said == dict.fromkeys(READS + WRITES, httpx2.codes.UNAUTHORIZED)


def test_the_account_that_pulls_reads_and_changes_nothing(registry: BundledRegistry) -> None:
    with registry.opened("pull", registry.account("pull")) as client:
        assert all(client.request(*one).is_success for one in READS)
        said = {one: client.request(*one).status_code for one in WRITES}
    assert said == dict.fromkeys(WRITES, httpx2.codes.METHOD_NOT_ALLOWED)


def test_the_port_of_the_nodes_is_that_of_the_account_that_pulls(registry: BundledRegistry) -> None:
    url = "http://localhost:30500/v2/_catalog"
    assert httpx2.get(url).status_code == httpx2.codes.UNAUTHORIZED
    push, pull = (httpx2.get(url, auth=registry.account(use)) for use in ("push", "pull"))
    assert push.status_code == httpx2.codes.UNAUTHORIZED
    assert pull.is_success


def test_accounts_that_were_changed_push_and_pull_and_those_of_before_do_not(
    kubectl: Kubectl,
    api: Client,
    registry: BundledRegistry,
    repository: NewRepository,
    fresh_space: FreshName,
) -> None:
    repo, space = repository(), fresh_space()
    repo.push(GREETER)
    former = {use: registry.account(use) for use in PORTS}
    secrets = [f"raworc-registry-{use}" for use in PORTS]
    kubectl("delete", "secret", *secrets, "-n", SYSTEM)
    Helm(kubectl.context).renew()
    for use, account in former.items():
        with registry.opened(use, account) as client:
            assert client.get("/_catalog").status_code == httpx2.codes.UNAUTHORIZED
    eventually(lambda: not registry.old_copies(), "the new accounts in the spaces", HANDED_ON)
    api.create_space(space, agents=[source("greeter", repo)])
    await_built(api, space)
    session = api.create_session(space)
    assert answer(api, api.post_message(session.id, "Ada")) == "hello Ada"


def test_what_images_that_are_gone_took_up_is_freed(
    kubectl: Kubectl, registry: BundledRegistry, repository: NewRepository, fresh_space: FreshName
) -> None:
    repo, space = repository(), fresh_space()
    # Of random digits, as layers are compressed.
    repo.push({**GREETER, "ballast": token_hex(2 * BALLAST)})
    built(kubectl, space, source("greeter", repo))
    before = registry.used()
    kubectl("delete", "space", space)
    eventually(lambda: registry.tags(space) == [], "the images deleted", STARTED)
    assert registry.used() > before - BALLAST
    # It is collected once a day, and at each start.
    kubectl("rollout", "restart", "deployment/raworc-registry", "-n", SYSTEM)
    kubectl.rolled_out("raworc-registry")
    assert registry.used() < before - BALLAST


def test_a_build_pushes_without_showing_agents_the_account_and_a_node_pulls(
    kubectl: Kubectl, api: Client, repository: NewRepository, fresh_space: FreshName
) -> None:
    repo, space = repository(), fresh_space()
    repo.push(CURIOUS)
    api.create_space(space, agents=[source("greeter", repo)])
    await_built(api, space)
    session = api.create_session(space)
    assert answer(api, api.post_message(session.id, "Ada")) == "hello Ada"
    pod = kubectl.read("pod", session.name, "-n", f"raworc-{space}")
    assert pod
    images = [one["image"] for one in pod["spec"]["containers"]]
    assert any(one.startswith(f"localhost:30500/raworc_space_{space}@") for one in images)
    assert pod["spec"]["imagePullSecrets"] == [{"name": "raworc-pull"}]


def test_an_image_under_the_tag_of_a_build_is_not_believed_without_its_key(
    kubectl: Kubectl, registry: BundledRegistry, repository: NewRepository, fresh_space: FreshName
) -> None:
    repo, first, second = repository(), fresh_space(), fresh_space()
    repo.push(GREETER)
    agent = source("greeter", repo)
    built(kubectl, first, agent)
    # The same agents have the same tag in every space.
    (tag,) = registry.tags(first)
    forged = registry.push_empty(second, tag)
    image = built(kubectl, second, agent)
    assert forged not in image
    assert kubectl.every("jobs", "-n", f"raworc-{second}")


def built(kubectl: Kubectl, space: str, agent: Manifest) -> str:
    """Make a Space, and return its image when it is there."""
    kubectl.apply(space_manifest(space, agent))
    kubectl.wait(("space", space), "condition=Ready", BUILT)
    found = kubectl.read("space", space)
    assert found
    return str(found["status"]["image"])


def test_a_space_goes_while_the_registry_is_away_and_its_images_when_it_is_back(
    kubectl: Kubectl, registry: BundledRegistry, repository: NewRepository, fresh_space: FreshName
) -> None:
    repo, space = repository(), fresh_space()
    repo.push(GREETER)
    built(kubectl, space, source("greeter", repo))
    assert registry.tags(space)
    scale = ("scale", "deployment/raworc-registry", "-n", SYSTEM)
    kubectl(*scale, "--replicas=0")
    try:
        kubectl("delete", "space", space, "--wait=false")
        kubectl.wait_gone("space", space)
        kubectl.wait_gone("namespace", f"raworc-{space}")
        told = eventually(lambda: left(kubectl, space), "what was left told", STARTED)
        assert f"'raworc_space_{space}' are left in the registry" in told[0]["message"]
    finally:
        kubectl(*scale, "--replicas=1")
        kubectl.rolled_out("raworc-registry")
    eventually(lambda: registry.tags(space) == [], "the images deleted", STARTED)


def left(kubectl: Kubectl, space: str) -> list[Manifest]:
    chosen = f"--field-selector=reason=ImagesLeft,involvedObject.name={space}"
    return kubectl.every("events", "-A", chosen)
