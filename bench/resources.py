"""What every measurement uses: a built space, the ways to the API, the watches."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from uuid import uuid4

from bench.cluster import Cluster
from bench.progress import Progress
from bench.repositories import Repository, new_repository
from bench.settings import Settings
from bench.stream import Heard
from bench.watch import Watch, has_condition, is_gone, is_named
from raworc.client import Client
from raworc.login import Login
from raworc.records import Session

EXAMPLES = Path(__file__).parents[1] / "examples" / "agents"
PATIENCE = 180
# An agent that thinks on after its first piece: what comes all at once is sent as the answer.
PIECES = """
from time import sleep

def process_message(message, context):
    yield message
    sleep(0.2)
    yield message
"""


@dataclass(frozen=True, slots=True)
class Resources:
    """The space of the measurements, and all that looks at it."""

    settings: Settings
    progress: Progress
    cluster: Cluster
    login: Login
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
        return Client(self.settings.api, self.login)

    def repository(self) -> Repository:
        """Begin a repository in the cluster's Git server."""
        return new_repository(f"bench-{uuid4().hex[:12]}", self.folder, self.settings.git)

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
def prepared(settings: Settings, progress: Progress) -> Iterator[Resources]:
    """Build the space of the measurements, and delete it afterwards."""
    space = f"bench-{uuid4().hex[:6]}"
    cluster = Cluster(settings.context)
    with Client(settings.api) as client:
        client.login("admin", cluster.read_password())
        login = client.access
    with TemporaryDirectory() as folder:
        try:
            spaces = Watch(cluster.space_events)
            with Client(settings.api, login) as client:
                _build(client, space, Path(folder), settings, spaces)
            pods = Watch(lambda: cluster.pod_events(f"raworc-{space}"))
            yield Resources(settings, progress, cluster, login, space, pods, spaces, Path(folder))
        finally:
            cluster.delete_space(space)


def source(name: str, repository: Repository, path: str | None = None) -> dict[str, str]:
    """Describe an agent of a repository, as the API takes it."""
    where = {"name": name, "repo": repository.url, "ref": "main"}
    return where | ({"path": path} if path else {})


def await_state(client: Client, session_id: str, state: str) -> Session:
    """Wait until a session is in a state."""
    deadline = monotonic() + PATIENCE
    while (session := client.read_session(session_id)).state != state:
        if monotonic() > deadline:
            raise TimeoutError(f"Session {session_id} is {session.state}, not {state}: {session}")
        sleep(0.05)
    return session


def _build(client: Client, space: str, folder: Path, settings: Settings, spaces: Watch) -> None:
    repository = new_repository(space, folder, settings.git, EXAMPLES)
    repository.push({"pieces/main.py": PIECES, "pieces/raworc.json": '{"runtime": "python"}'})
    begun = monotonic()
    agents = [source(name, repository, name) for name in ("echo", "pieces")]
    client.create_space(space, agents=agents)
    spaces.first(
        lambda event: is_named(event, space) and has_condition(event["object"], "Ready"), begun
    )
