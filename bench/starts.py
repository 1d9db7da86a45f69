"""From a request to an idle session: creating one, and restoring one."""

from dataclasses import dataclass
from time import monotonic

from bench.cluster import bare_claim, bare_pod
from bench.resources import Resources, await_state
from bench.samples import Measurement, Series, spread
from bench.stream import is_state
from bench.watch import Manifest, Watch, is_added, is_gone, is_ready
from raworc.client import Client
from raworc.records import Session

BARE = "bare"
CREATE, RESTORE = "create", "restore"


@dataclass(frozen=True, slots=True)
class Start:
    """The start of one pod: when it was asked for, when it was there and when it was ready."""

    begun: float
    created: float
    ready: float


def measure_create(resources: Resources) -> Measurement:
    """Create sessions, and bare pods with a new volume in between."""
    result = Measurement(
        Series("session: create → idle"), Series("bare pod with a new PVC"), Series("own share")
    )
    runs = resources.settings.runs
    with resources.connect() as client:
        model = resources.open_session(client, "echo")
        pod, claim = _models(resources, model)
        for run in resources.progress.runs(CREATE):
            _take_ours(result, *_create_session(resources, client, spread(run, runs)))
            resources.cluster.wait_quiet(resources.namespace, volumes=1)
            begun = spread(run, runs)
            resources.cluster.create_claim(bare_claim(BARE, claim), resources.namespace)
            result.baseline.add(bare_start(resources, pod, begun, BARE))
            resources.cluster.delete_claim(BARE, resources.namespace)
            resources.cluster.wait_quiet(resources.namespace, volumes=1)
        resources.delete_session(client, model)
    return result


def measure_restore(resources: Resources) -> list[Measurement]:
    """Restore one session again and again; in between bare pods, with a bound volume and none."""
    bound = Measurement(
        Series("session: restore → idle"), Series("bare pod on a bound PVC"), Series("own share")
    )
    lone = Measurement(bound.whole, Series("bare pod without a volume"))
    runs = resources.settings.runs
    with resources.connect() as client:
        session = resources.open_session(client, "echo")
        pod, claim = _models(resources, session)
        resources.cluster.create_claim(bare_claim(BARE, claim), resources.namespace)
        # The first pod binds the claim; it is not measured.
        bare_start(resources, pod, monotonic(), BARE)
        for run in resources.progress.runs(RESTORE):
            _close(resources, client, session)
            stream = resources.listen(session.id)
            begun = spread(run, runs)
            client.restore_session(session.id)
            start = _started(resources.pods, session.name, begun)
            _take_ours(bound, start, stream.until(is_state("idle")))
            bound.baseline.add(bare_start(resources, pod, spread(run, runs), BARE))
            lone.baseline.add(bare_start(resources, pod, spread(run, runs)))
        resources.cluster.delete_claim(BARE, resources.namespace)
        resources.delete_session(client, session)
    return [bound, lone]


def _models(resources: Resources, session: Session) -> tuple[Manifest, Manifest]:
    """Read the pod and the claim of a session, which the bare ones are made like."""
    pod = resources.cluster.read_pod(session.name, resources.namespace)
    return pod, resources.cluster.read_claim(session.name, resources.namespace)


def _take_ours(result: Measurement, start: Start, idle: float) -> None:
    result.whole.add(idle - start.begun)
    if result.own:
        # What lies between the pod's creation and its being ready is the cluster's part.
        result.own.add((start.created - start.begun) + max(0.0, idle - start.ready))


def _create_session(resources: Resources, client: Client, begun: float) -> tuple[Start, float]:
    session = client.create_session(resources.space, agent="echo")
    stream = resources.listen(session.id)
    start = _started(resources.pods, session.name, begun)
    idle = stream.until(is_state("idle"))
    resources.delete_session(client, session)
    return start, idle


def _close(resources: Resources, client: Client, session: Session) -> None:
    asked = monotonic()
    client.close_session(session.id)
    resources.pods.first(is_gone(session.name), asked)
    await_state(client, session.id, "closed")


def bare_start(
    resources: Resources, like: Manifest, begun: float, claim: str | None = None
) -> float:
    """Start a bare pod and delete it again; return how long it took to be ready."""
    resources.cluster.create_pod(bare_pod(BARE, like, claim), resources.namespace)
    start = _started(resources.pods, BARE, begun)
    asked = monotonic()
    resources.cluster.delete_pod(BARE, resources.namespace)
    resources.pods.first(is_gone(BARE), asked)
    return start.ready - begun


def _started(pods: Watch, name: str, begun: float) -> Start:
    created = pods.first(is_added(name), begun)
    return Start(begun, created, pods.first(is_ready(name), created))
