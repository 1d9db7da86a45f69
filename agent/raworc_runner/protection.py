"""Keeps agents, which run as the same user, from tracing the runner and taking its socket."""

import ctypes

from raworc_runner.journal import note

_PR_SET_DUMPABLE = 4


def refuse_tracing() -> None:
    """Give what /proc shows of this process, and its tracing, to root alone."""
    if ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        note("agents could trace the runner: this kernel refuses PR_SET_DUMPABLE")
