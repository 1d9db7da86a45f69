"""A space is built once per content, and a build that fails says why and harms no session."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from tests.e2e.agents import GREETER, ROMAN
from tests.e2e.conftest import Connect, FreshName, NewRepository
from tests.e2e.kubectl import SYSTEM, Kubectl, Manifest
from tests.e2e.manifests import source, space_manifest
from tests.e2e.progress import answer, await_built, await_unbuilt
from tests.e2e.repositories import IN_CLUSTER, Repository
from tests.e2e.waiting import BUILT, eventually

from raworc.client import Client

BROKEN = {
    "not-json/main.py": GREETER["main.py"],
    "not-json/raworc.json": "{handler: main.process_message}",
    "no-handler/main.py": GREETER["main.py"],
    "no-handler/raworc.json": '{"handler": "main.absent_function"}',
    "failing/main.py": GREETER["main.py"],
    "failing/raworc.json": '{"build_command": "echo about to fail; exit 3"}',
}


@dataclass(frozen=True)
class Workshop:
    """Repositories, good and broken, and a Space for either door that is built from the good."""

    good: Repository
    broken: Repository
    spaces: dict[str, str]

    @property
    def sound(self) -> Manifest:
        """The agent that builds."""
        return source("greeter", self.good)


Fault = Callable[[Workshop], Manifest]

# What is wrong → the agent that is asked for, the reason, and a word that the message must say.
FAULTS: dict[str, tuple[Fault, str, str]] = {
    "a repository that does not exist": (
        lambda shop: {**shop.sound, "repo": f"{IN_CLUSTER}/e2e-nothing-here.git"},
        "RepositoryNotFound",
        "e2e-nothing-here",
    ),
    "a branch that does not exist": (
        lambda shop: {**shop.sound, "ref": "no-such-branch"},
        "RefNotFound",
        "no-such-branch",
    ),
    "a folder that does not exist": (
        lambda shop: {**shop.sound, "path": "no/such/folder"},
        "PathNotFound",
        "no/such/folder",
    ),
    "a manifest that is not JSON": (
        lambda shop: source("greeter", shop.broken, "not-json"),
        "InvalidManifest",
        "raworc.json",
    ),
    "a handler that is not there": (
        lambda shop: source("greeter", shop.broken, "no-handler"),
        "HandlerNotFound",
        "absent_function",
    ),
    "a build command that fails": (
        lambda shop: source("greeter", shop.broken, "failing"),
        "BuildFailed",
        "exit status 3",
    ),
}


@pytest.fixture(scope="module")
def workshop(kubectl: Kubectl, connect: Connect, repository: NewRepository) -> Iterator[Workshop]:
    good, broken = repository(), repository()
    good.push(GREETER)
    broken.push(BROKEN)
    shop = Workshop(good, broken, {door: f"{good.name}-{door}" for door in ("kubectl", "rest")})
    with connect() as client:
        kubectl.apply(space_manifest(shop.spaces["kubectl"], shop.sound))
        client.create_space(shop.spaces["rest"], agents=[shop.sound])
        for space in shop.spaces.values():
            kubectl.wait(("space", space), "condition=Ready", BUILT)
    yield shop
    kubectl("delete", "space", *shop.spaces.values(), "--ignore-not-found", "--wait=false")


def change(kubectl: Kubectl, api: Client, space: str, agent: Manifest) -> None:
    """Change the one agent of a space, through the door that its name says."""
    if space.endswith("rest"):
        api.request("PATCH", f"/spaces/{space}", {"agents": [agent]})
    else:
        kubectl.patch(("space", space), {"agents": [agent]})


def jobs(kubectl: Kubectl, space: str) -> set[str]:
    return {job["metadata"]["name"] for job in kubectl.every("jobs", "-n", f"raworc-{space}")}


def image(kubectl: Kubectl, space: str) -> str:
    found = kubectl.read("space", space)
    assert found
    return str(found["status"]["image"])


@pytest.mark.parametrize("door", ["kubectl", "rest"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_the_last_image_stays_and_good_input_works_without_a_job(
    kubectl: Kubectl, api: Client, workshop: Workshop, door: str, fault: str
) -> None:
    make_agent, reason, word = FAULTS[fault]
    space = workshop.spaces[door]
    good_image = image(kubectl, space)
    try:
        change(kubectl, api, space, make_agent(workshop))
        built = await_unbuilt(kubectl, space, reason)
        assert word in built["message"]
        assert image(kubectl, space) == good_image
        assert _shown_by_the_api(api, space) == reason
        before = jobs(kubectl, space)
    finally:
        change(kubectl, api, space, workshop.sound)
    kubectl.wait(("space", space), "condition=Built", BUILT)
    kubectl.wait(("space", space), "condition=Ready", BUILT)
    assert jobs(kubectl, space) <= before
    assert image(kubectl, space) == good_image


def _shown_by_the_api(api: Client, space: str) -> str:
    """Wait until the API shows that the space is not built, and return its reason."""

    def seen() -> str | None:
        conditions = api.read_space(space).conditions
        return next((c.reason for c in conditions if c.type == "Built" and c.status != "True"), "")

    return eventually(seen, f"space {space} shown as not built")


def test_while_a_build_fails_sessions_go_on_with_the_last_image(
    kubectl: Kubectl, api: Client, workshop: Workshop
) -> None:
    space = workshop.spaces["rest"]
    change(kubectl, api, space, source("greeter", workshop.broken, "not-json"))
    await_unbuilt(kubectl, space, "InvalidManifest")
    session = api.create_session(space)
    try:
        assert answer(api, api.post_message(session.id, "Ada")) == "hello Ada"
    finally:
        api.delete_session(session.id)
        change(kubectl, api, space, workshop.sound)


def test_a_rebuild_of_the_same_content_needs_no_job_and_new_content_one(
    kubectl: Kubectl, api: Client, repository: NewRepository, fresh_space: FreshName
) -> None:
    repo, space = repository(), fresh_space()
    repo.push(GREETER)
    api.create_space(space, agents=[source("greeter", repo)])
    await_built(api, space)
    first_jobs, first_image = jobs(kubectl, space), image(kubectl, space)

    rebuild(kubectl, api, space)
    assert (jobs(kubectl, space), image(kubectl, space)) == (first_jobs, first_image)

    commit = repo.push({"main.py": GREETER["main.py"].replace("hello", "good day")})
    rebuild(kubectl, api, space)
    assert image(kubectl, space) != first_image
    assert len(jobs(kubectl, space) - first_jobs) == 1
    build = eventually(lambda: _build_of(api, space, commit), "the build in the API")
    assert api.read_build_logs(space, build)


def rebuild(kubectl: Kubectl, api: Client, space: str) -> None:
    """Ask for a build by REST, and wait until the wish is fulfilled."""
    path = "jsonpath={.spec.rebuild}"
    former = kubectl("get", "space", space, "-o", path)
    api.build_space(space)
    wish = eventually(
        lambda: {kubectl("get", "space", space, "-o", path)} - {former}, "the wish in the cluster"
    ).pop()
    kubectl.wait(("space", space), f"jsonpath={{.status.build.rebuild}}={wish}", BUILT)
    kubectl.wait(("space", space), "jsonpath={.status.build.state}=completed", BUILT)
    kubectl.wait(("space", space), "condition=Ready", BUILT)


def _build_of(api: Client, space: str, commit: str) -> str | None:
    newest = api.read_build(space)
    built = [agent["commit"] for agent in newest.agents_deployed]
    return newest.build_id if newest.status == "completed" and built == [commit] else None


def test_a_build_survives_the_operator(
    kubectl: Kubectl, repository: NewRepository, fresh_space: FreshName
) -> None:
    repo, space = repository(), fresh_space()
    repo.push(GREETER)
    kubectl.apply(space_manifest(space, source("greeter", repo)))
    kubectl.wait(("space", space), "jsonpath={.status.build.state}=building")
    for pod in kubectl.pods("operator"):
        kubectl.kill(pod, SYSTEM)
    kubectl.wait(("space", space), "condition=Ready", BUILT)
    assert len(jobs(kubectl, space)) == 1


def test_an_agent_gets_the_packages_that_its_requirements_name(
    api: Client, repository: NewRepository, fresh_space: FreshName
) -> None:
    repo, space = repository(), fresh_space()
    repo.push(ROMAN)
    api.create_space(space, agents=[source("roman", repo)])
    await_built(api, space)
    session = api.create_session(space)
    assert answer(api, api.post_message(session.id, "1984")) == "MCMLXXXIV"
