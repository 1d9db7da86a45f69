"""From a request to an idle session: creating one, and restoring one."""

from dataclasses import dataclass
from time import monotonic

from tests.e2e.progress import await_state

from bench.cluster import bare_claim, bare_pod
from bench.ground import Ground
from bench.samples import Measurement, Series, spread
from bench.stream import is_state
from bench.watch import Manifest, Watch, is_added, is_gone, is_ready
from raworc.client import Client
from raworc.records import Session

BARE = "bare"


@dataclass(frozen=True, slots=True)
class Start:
    """The start of one pod: when it was asked for, when it was there and when it was ready."""

    begun: float
    created: float
    ready: float


def measure_create(ground: Ground) -> Measurement:
    """Create sessions, and bare pods with a new volume in between."""
    result = Measurement(
        Series("session: create → idle"), Series("bare pod with a new PVC"), Series("own share")
    )
    runs = ground.settings.runs
    with ground.connect() as client:
        model = ground.open_session(client, "echo")
        pod, claim = _models(ground, model)
        for run in range(runs):
            _take_ours(result, *_create_session(ground, client, spread(run, runs)))
            ground.cluster.wait_quiet(ground.namespace, volumes=1)
            begun = spread(run, runs)
            ground.cluster.create_claim(bare_claim(BARE, claim), ground.namespace)
            result.baseline.add(bare_start(ground, pod, begun, BARE))
            ground.cluster.delete_claim(BARE, ground.namespace)
            ground.cluster.wait_quiet(ground.namespace, volumes=1)
        ground.delete_session(client, model)
    return result


def measure_restore(ground: Ground) -> list[Measurement]:
    """Restore one session again and again; in between bare pods, with a bound volume and none."""
    bound = Measurement(
        Series("session: restore → idle"), Series("bare pod on a bound PVC"), Series("own share")
    )
    lone = Measurement(bound.whole, Series("bare pod without a volume"))
    runs = ground.settings.runs
    with ground.connect() as client:
        session = ground.open_session(client, "echo")
        pod, claim = _models(ground, session)
        ground.cluster.create_claim(bare_claim(BARE, claim), ground.namespace)
        # The first pod binds the claim; it is not measured.
        bare_start(ground, pod, monotonic(), BARE)
        for run in range(runs):
            _close(ground, client, session)
            stream = ground.listen(session.id)
            begun = spread(run, runs)
            client.restore_session(session.id)
            start = _started(ground.pods, session.name, begun)
            _take_ours(bound, start, stream.until(is_state("idle")))
            bound.baseline.add(bare_start(ground, pod, spread(run, runs), BARE))
            lone.baseline.add(bare_start(ground, pod, spread(run, runs)))
        ground.cluster.delete_claim(BARE, ground.namespace)
        ground.delete_session(client, session)
    return [bound, lone]


def _models(ground: Ground, session: Session) -> tuple[Manifest, Manifest]:
    """Read the pod and the claim of a session, which the bare ones are made like."""
    pod = ground.cluster.read_pod(session.name, ground.namespace)
    return pod, ground.cluster.read_claim(session.name, ground.namespace)


def _take_ours(result: Measurement, start: Start, idle: float) -> None:
    result.whole.add(idle - start.begun)
    if result.own:
        # What lies between the pod's creation and its being ready is the cluster's part.
        result.own.add((start.created - start.begun) + max(0.0, idle - start.ready))


def _create_session(ground: Ground, client: Client, begun: float) -> tuple[Start, float]:
    session = client.create_session(ground.space, agent="echo")
    stream = ground.listen(session.id)
    start = _started(ground.pods, session.name, begun)
    idle = stream.until(is_state("idle"))
    ground.delete_session(client, session)
    return start, idle


def _close(ground: Ground, client: Client, session: Session) -> None:
    asked = monotonic()
    client.close_session(session.id)
    ground.pods.first(is_gone(session.name), asked)
    await_state(client, session.id, "closed")


def bare_start(ground: Ground, like: Manifest, begun: float, claim: str | None = None) -> float:
    """Start a bare pod and delete it again; return how long it took to be ready."""
    ground.cluster.create_pod(bare_pod(BARE, like, claim), ground.namespace)
    start = _started(ground.pods, BARE, begun)
    asked = monotonic()
    ground.cluster.delete_pod(BARE, ground.namespace)
    ground.pods.first(is_gone(BARE), asked)
    return start.ready - begun


def _started(pods: Watch, name: str, begun: float) -> Start:
    created = pods.first(is_added(name), begun)
    return Start(begun, created, pods.first(is_ready(name), created))
