"""What it costs one replica that very many wait: idle hosts, and readers of event streams.

A component measurement: a replica of its own beside a MySQL of its own, and simulated hosts. The
cost of the hosts is a share of a core, beside that of a bare server at which as many wait in the
same way at the same time. ``python -m bench.waiting`` measures this alone.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection, socket
from time import monotonic, sleep

from bench.crowd import Crowd, host, reader
from bench.neighbours import ACCOUNT, KEYS, add_sessions, pod_token, running_cluster, running_mysql
from bench.progress import Progress
from bench.report import Target
from bench.servers import Ports
from raworc_api.core.security import Keys, Tokens
from raworc_host.platform_api import POLL_SECONDS

WAITING = "waiting"
HOSTS, STREAMS = 2000, 500
# Two polls of each host, after all of them are past their first one.
_SECONDS = 2 * POLL_SECONDS
_START_SECONDS = 180
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """What waiting cost: shares of a core, and memory in MiB."""

    hosts: float
    bare: float
    empty_memory: float
    hosts_memory: float
    streams_memory: float

    def sentence(self) -> str:
        """Tell what was measured."""
        return (
            f"{HOSTS} idle hosts took {self.hosts:.1%} of a core of one replica, and "
            f"{self.bare:.1%} of a bare server at which they only waited. The replica held "
            f"{self.empty_memory:.0f} MiB without them, {self.hosts_memory:.0f} MiB with them, "
            f"and {self.streams_memory:.0f} MiB with {STREAMS} event streams beside them."
        )


def measure_waiting(progress: Progress) -> Cost | None:
    """Measure what waiting costs, unless there is not the time for it."""
    cost = None
    for _ in progress.runs(WAITING):
        cost = _measured(HOSTS, STREAMS)
    return cost


def targets_of_waiting(cost: Cost | None) -> list[Target]:
    """Compare with what was promised; all memory counts as that of the streams."""
    if cost is None:
        return []
    return [
        Target(f"{HOSTS} idle hosts, of a core", 5, 100 * cost.hosts, " %"),
        Target(f"{STREAMS} event streams", 300, cost.streams_memory, " MiB"),
    ]


def _measured(hosts: int, streams: int) -> Cost:
    """Let hosts wait at a replica and at a bare server, then readers at the replica."""
    ports = _free_ports()
    with ExitStack() as stack:
        stack.enter_context(running_mysql(ports.mysql))
        stack.enter_context(running_cluster(ports.cluster))
        names = [f"s{number}" for number in range(hosts)]
        add_sessions(ports.mysql, names)
        replica = stack.enter_context(_running("replica", ports, ports.hosts))
        bare = stack.enter_context(_running("bare", ports, ports.bare))
        return asyncio.run(_measure(ports, names, names[:streams], (replica, bare)))


async def _measure(
    ports: Ports, hosts: Sequence[str], streams: Sequence[str], pids: tuple[int, int]
) -> Cost:
    replica, bare = pids
    crowd = Crowd()
    empty_memory = _memory(replica)
    await crowd.admit(host(ports.bare, "", "") for _ in hosts)
    await crowd.admit(host(ports.hosts, pod_token(name), "/api/v0/host") for name in hosts)
    await asyncio.sleep(POLL_SECONDS)
    before, begun = (_seconds(replica), _seconds(bare)), monotonic()
    await asyncio.sleep(_SECONDS)
    crowd.check()
    took = monotonic() - begun
    shares = [(_seconds(pid) - was) / took for pid, was in zip(pids, before, strict=True)]
    hosts_memory = _memory(replica)
    token = Tokens(Keys(KEYS.copy)).issue(ACCOUNT, _START_SECONDS + _SECONDS).text
    await crowd.admit(
        reader(ports.people, token, f"/api/v0/sessions/{name}/events") for name in streams
    )
    crowd.check()
    streams_memory = _memory(replica)
    await crowd.disperse()
    return Cost(shares[0], shares[1], empty_memory, hosts_memory, streams_memory)


@contextmanager
def _running(name: str, ports: Ports, port: int) -> Iterator[int]:
    command = [sys.executable, "-m", "bench.servers", name, ports.render()]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:  # noqa: S603 - ours
        try:
            _await(port)
            yield server.pid
        finally:
            server.terminate()


def _await(port: int) -> None:
    end = monotonic() + _START_SECONDS
    while True:
        try:
            create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if monotonic() > end:
                raise
            sleep(0.1)
        else:
            return


def _free_ports() -> Ports:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket()) for _ in Ports._fields]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return Ports(*(one.getsockname()[1] for one in sockets))


def _seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _memory(pid: int) -> float:
    """Return the memory of a process, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = next(line.split()[1] for line in lines if line.startswith("VmRSS"))
    return int(found) / 1024


if __name__ == "__main__":
    sys.stdout.write(f"{_measured(HOSTS, STREAMS).sentence()}\n")
