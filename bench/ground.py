"""What every measurement stands on: a built space, the ways to the API, the watches."""

from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from uuid import uuid4

from tests.e2e.kubectl import SYSTEM, Kubectl
from tests.e2e.manifests import source
from tests.e2e.progress import await_built, await_state
from tests.e2e.repositories import Repository, new_repository

from bench.cluster import Cluster
from bench.settings import Settings
from bench.stream import Heard
from bench.watch import Watch, is_gone
from raworc.client import Client
from raworc.records import Session

EXAMPLES = Path(__file__).parents[1] / "examples" / "agents"
# An agent that thinks on after its first piece: what comes all at once is sent as the answer.
PIECES = """
from time import sleep

def process_message(message, context):
    yield message
    sleep(0.2)
    yield message
"""


@dataclass(frozen=True)
class Ground:
    """The space of the measurements, and all that looks at it."""

    settings: Settings
    cluster: Cluster
    token: str
    space: str
    pods: Watch
    spaces: Watch
    folder: Path

    @property
    def namespace(self) -> str:
        """The namespace of the space."""
        return f"raworc-{self.space}"

    def connect(self) -> Client:
        """Open connections of one's own to the API."""
        return Client(self.settings.api, self.token)

    def repository(self) -> Repository:
        """Begin a repository in the cluster's Git server."""
        return new_repository(f"bench-{uuid4().hex[:12]}", self.folder)

    def listen(self, session_id: str) -> Heard:
        """Open the stream of a session's events."""
        return Heard(self.connect(), session_id)

    def open_session(self, client: Client, agent: str) -> Session:
        """Create a session and wait until it is idle."""
        return await_state(client, client.create_session(self.space, agent=agent).id, "idle")

    def delete_session(self, client: Client, session: Session) -> None:
        """Delete a session and wait until its pod is gone."""
        asked = monotonic()
        client.delete_session(session.id)
        self.pods.first(is_gone(session.name), asked)

    def delete_space(self, client: Client, space: str) -> None:
        """Delete a space and wait until nothing of it is left."""
        asked = monotonic()
        client.delete_space(space)
        self.spaces.first(is_gone(space), asked)


@contextmanager
def prepared(settings: Settings) -> Iterator[Ground]:
    """Build the space of the measurements, and delete it afterwards."""
    kubectl = Kubectl(settings.context)
    space = f"bench-{uuid4().hex[:6]}"
    token = _login(settings, kubectl)
    cluster = Cluster(settings.context)
    with TemporaryDirectory() as folder, Client(settings.api, token) as client:
        try:
            spaces = Watch(cluster.space_events)
            _build(client, space, Path(folder))
            pods = Watch(lambda: cluster.pod_events(f"raworc-{space}"))
            yield Ground(settings, cluster, token, space, pods, spaces, Path(folder))
        finally:
            kubectl("delete", "space", space, "--ignore-not-found")


def _login(settings: Settings, kubectl: Kubectl) -> str:
    secret = kubectl.read("secret", "raworc-admin", "-n", SYSTEM)
    if secret is None:
        raise SystemExit("Raworc is not installed in this cluster; `make up` does it.")
    with Client(settings.api) as client:
        return client.login("admin", b64decode(secret["data"]["password"]).decode()).token


def _build(client: Client, space: str, folder: Path) -> None:
    repository = new_repository(space, folder)
    repository.push(EXAMPLES)
    repository.push({"pieces/main.py": PIECES, "pieces/raworc.json": '{"runtime": "python"}'})
    agents = [source(name, repository, name) for name in ("echo", "pieces")]
    client.create_space(space, agents=agents)
    await_built(client, space)
