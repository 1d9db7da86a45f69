"""The cluster, the doors to it, and what journeys share; no cluster but ours is touched."""

import os
from base64 import b64decode
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from tests.e2e.agents import MISBEHAVED, folders
from tests.e2e.evidence import evidence
from tests.e2e.kubectl import SYSTEM, Kubectl
from tests.e2e.manifests import source
from tests.e2e.progress import await_built
from tests.e2e.repositories import Repository, new_repository

from raworc.client import Client
from raworc.errors import RefusedError
from raworc.records import Session

API = "http://localhost:8080"
HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples" / "agents"
# A first build with a cold cache is the longest that a fixture takes.
LIMIT_SECONDS = 300
# What they leave behind where they fail would fail all others.
LAST = ("test_upgrade.py",)

Connect = Callable[..., Client]
FreshName = Callable[[], str]
NewRepository = Callable[[], Repository]
NewSession = Callable[..., Session]


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    context = os.environ.get("RAWORC_TEST_CONTEXT", "kind-raworc")
    if not context.startswith("kind-raworc"):
        pytest.exit(f"These tests break things: '{context}' is no cluster 'kind-raworc…'.", 3)
    return Kubectl(context)


@pytest.fixture(scope="session")
def password(kubectl: Kubectl) -> str:
    secret = kubectl.read("secret", "raworc-admin", "-n", SYSTEM)
    assert secret, "Raworc is not installed here; `make up` does it"
    return b64decode(secret["data"]["password"]).decode()


@pytest.fixture(scope="session")
def connect(password: str) -> Connect:
    """Make clients of the API, or of one replica of it, that are logged in."""
    with Client(API) as client:
        client.login("admin", password)
        # Clients that share it renew it together, however long the journeys take.
        login = client.access

    def open_client(url: str = API) -> Client:
        return Client(url, login)

    return open_client


@pytest.fixture
def api(connect: Connect) -> Iterator[Client]:
    with connect() as client:
        yield client


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> NewRepository:
    """Begin a repository of its own in the cluster's Git server."""
    return lambda: new_repository(f"e2e-{uuid4().hex[:12]}", tmp_path_factory.mktemp("git"))


@pytest.fixture
def fresh_space(kubectl: Kubectl) -> Iterator[FreshName]:
    """Name a Space of this test alone; it is deleted afterwards, whichever way it was made."""
    names: list[str] = []

    def fresh() -> str:
        names.append(f"e2e-{uuid4().hex[:8]}")
        return names[-1]

    yield fresh
    if names:
        kubectl("delete", "space", *names, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="session")
def shared_space(kubectl: Kubectl, connect: Connect, repository: NewRepository) -> Iterator[str]:
    """Build, once for all tests of sessions, a Space with the examples and the agents of ours."""
    name = f"e2e-shared-{uuid4().hex[:6]}"
    examples, misbehaved = repository(), repository()
    examples.push(EXAMPLES)
    misbehaved.push(folders(MISBEHAVED))
    agents = [source(name, misbehaved, name) for name in MISBEHAVED]
    with connect() as client:
        client.create_space(name, agents=[*agents, source("memory", examples, "memory")])
        await_built(client, name)
    yield name
    kubectl("delete", "space", name, "--ignore-not-found", "--wait=false")


@pytest.fixture
def new_session(api: Client, connect: Connect, shared_space: str) -> Iterator[NewSession]:
    """Create a session of the shared Space, and delete it afterwards."""
    made: list[str] = []

    def create(agent: str, *, key: str | None = None, **wishes: object) -> Session:
        session = api.create_session(shared_space, key=key, agent=agent, **wishes)
        made.append(session.id)
        return session

    yield create
    # A connection of the test may lead to a replica that the test killed.
    with connect() as client:
        for session_id in made:
            with suppress(RefusedError):
                client.delete_session(session_id)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the release changed last, and give each journey without a limit the one of here."""
    items.sort(key=lambda item: item.path.name in LAST)
    for item in items:
        if item.path.is_relative_to(HERE) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LIMIT_SECONDS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Print, of a journey that failed, what the cluster has to say."""
    report = yield
    kubectl = getattr(item, "funcargs", {}).get("kubectl")
    if report.failed and report.when != "teardown" and isinstance(kubectl, Kubectl):
        report.sections += evidence(kubectl)
    return report
