"""What an idle session holds of its node's memory, both containers together."""

from dataclasses import dataclass
from time import monotonic, sleep

from bench.resources import Resources

MEMORY = "memory"
# A kubelet counts about every ten seconds; what it says right after a start is of the start.
SETTLED_AFTER = 25
_LOOKS = 60


@dataclass(frozen=True, slots=True)
class Memory:
    """The working set of each container of an idle session, in bytes."""

    containers: dict[str, int]

    @property
    def whole(self) -> float:
        """All containers together, in MiB."""
        return sum(self.containers.values()) / 2**20

    def sentence(self) -> str:
        """Tell what was measured."""
        parts = ", ".join(
            f"{size / 2**20:.1f} MiB in `{name}`" for name, size in sorted(self.containers.items())
        )
        return f"An idle session held {parts}: {self.whole:.1f} MiB (working set, by the kubelet)."


def measure_memory(resources: Resources) -> Memory:
    """Start a session, leave it alone, and ask the kubelet."""
    for _ in resources.progress.runs(MEMORY):
        with resources.connect() as client:
            session = resources.open_session(client, "echo")
            settled = monotonic() + SETTLED_AFTER
            found = _read(resources, session.name, settled)
            resources.delete_session(client, session)
    return Memory(found)


def _read(resources: Resources, pod: str, settled: float) -> dict[str, int]:
    sleep(max(0.0, settled - monotonic()))
    for _ in range(_LOOKS):
        found = resources.cluster.read_memory(pod, resources.namespace)
        if found and all(found.values()):
            return found
        sleep(1)
    raise TimeoutError(f"The kubelet does not say what the pod {pod} uses.")
