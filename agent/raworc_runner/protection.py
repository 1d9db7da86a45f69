"""What keeps agents, which run as the same user, from taking the runner's place or its means.

They cannot trace it. They can change its resource limits, which no user is kept from doing to its
own processes, and what is lowered for good cannot be raised again. A runner that finds itself so
impaired ends: PID 1 takes every process with it, and the kubelet starts the container anew.
(docs/decisions/0051)
"""

import ctypes
import os
import resource
import signal
from collections.abc import Mapping
from typing import NoReturn

from raworc_runner.journal import note

_PR_SET_DUMPABLE = 4


class ImpairedError(Exception):
    """The runner cannot do its work any more; with it must end what it can no longer end alone."""


class Limits:
    """The resource limits that the runner has, and its agents inherit."""

    def __init__(self) -> None:
        self._began_with = _limits()

    def insist(self) -> None:
        """Raise ImpairedError if they are no longer those of the start."""
        now = _limits()
        if changed := [name for name, was in self._began_with.items() if now[name] != was]:
            raise ImpairedError(f"An agent has changed {', '.join(changed)} of the container.")


def refuse_tracing() -> None:
    """Give what /proc shows of this process, and its tracing, to root alone."""
    if ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        note("agents could trace the runner: this kernel refuses PR_SET_DUMPABLE")


def leave(reason: BaseException) -> NoReturn:
    """End everything in the container at once, this process included."""
    if os.getpid() == 1:
        # First, as the kernel closes our connection to the host before it ends the others: none of
        # them may come to the host in our place.
        kill(-1)
    note(f"ends, and every agent with it: {reason!r}")
    os._exit(1)


def kill(pid: int) -> None:
    """Kill a process, if it is still there; -1 means all but PID 1."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _limits() -> Mapping[str, tuple[int, int]]:
    names = (name for name in dir(resource) if name.startswith("RLIMIT_"))
    return {name: resource.getrlimit(getattr(resource, name)) for name in names}
