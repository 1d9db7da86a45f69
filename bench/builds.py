"""From a change of a space's agents to its being ready: with a build, and with one done before."""

from time import monotonic
from uuid import uuid4

from bench.repositories import Repository
from bench.resources import PIECES, Resources, source
from bench.samples import Measurement, Series, spread
from bench.starts import bare_start
from bench.watch import Manifest, Wanted, has_condition
from raworc.client import Client
from raworc_crds.space import BuildState

HIT, MISS = "build, done before", "first build"
MANIFEST = {"raworc.json": '{"runtime": "python"}'}


def measure_hit(resources: Resources) -> Measurement:
    """Change a space between two branches that were both built before."""
    result = Measurement(
        Series("build: hit, PATCH of the space → ready"), Series("GET /api/v0/version")
    )
    runs = resources.settings.runs
    repository, space = resources.repository(), f"bench-{uuid4().hex[:6]}"
    with resources.connect() as client:
        commits = [_push(repository, number) for number in (1, 2)]
        _create(resources, client, space, repository, commits[0])
        _change(resources, client, space, repository, commits[1])
        jobs = resources.cluster.count_jobs(f"raworc-{space}")
        for run in resources.progress.runs(HIT):
            begun = spread(run, runs)
            client.version()
            result.baseline.add(monotonic() - begun)
            begun = spread(run, runs)
            done = _change(resources, client, space, repository, commits[run % 2])
            result.whole.add(done - begun)
        if resources.cluster.count_jobs(f"raworc-{space}") != jobs:
            raise RuntimeError("A build that was done before made a Job.")
        resources.delete_space(client, space)
    return result


def measure_miss(resources: Resources) -> Measurement:
    """Create a space with an agent that was never built, and a bare pod in between."""
    result = Measurement(Series("build: miss, POST of the space → ready"), Series("bare pod"))
    runs = resources.settings.builds
    with resources.connect() as client:
        session = resources.open_session(client, "echo")
        pod = resources.cluster.read_pod(session.name, resources.namespace)
        resources.delete_session(client, session)
        for run in resources.progress.runs(MISS):
            result.baseline.add(bare_start(resources, pod, spread(run, runs)))
            repository, space = resources.repository(), f"bench-{uuid4().hex[:6]}"
            commit = _push(repository, run)
            begun = spread(run, runs)
            result.whole.add(_create(resources, client, space, repository, commit) - begun)
            resources.delete_space(client, space)
    return result


def _push(repository: Repository, number: int) -> str:
    return repository.push({**MANIFEST, "main.py": f"{PIECES}\n# version {number}\n"})


def _create(
    resources: Resources, client: Client, space: str, repository: Repository, commit: str
) -> float:
    begun = monotonic()
    client.create_space(space, agents=[_agent(repository, commit)])
    return resources.spaces.first(_is_built(space, commit), begun)


def _change(
    resources: Resources, client: Client, space: str, repository: Repository, commit: str
) -> float:
    begun = monotonic()
    client.request("PATCH", f"/spaces/{space}", {"agents": [_agent(repository, commit)]})
    return resources.spaces.first(_is_built(space, commit), begun)


def _agent(repository: Repository, commit: str) -> dict[str, str]:
    return {**source("agent", repository), "ref": commit}


def _is_built(space: str, commit: str) -> Wanted:
    def is_wanted(event: Manifest) -> bool:
        seen = event["object"]
        build = seen.get("status", {}).get("build", {})
        return (
            seen["metadata"]["name"] == space
            and [agent["commit"] for agent in build.get("agents", [])] == [commit]
            and build["state"] == BuildState.COMPLETED
            and has_condition(seen, "Ready")
        )

    return is_wanted
