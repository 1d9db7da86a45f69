"""Runs the operator in a process of its own until it has nothing to do, and says what that took."""

import json
import os
import resource
import sys
import threading
import time
from pathlib import Path

import kopf
from tests.component.raworc_operator.conftest import SETTINGS

from raworc_operator.__main__ import make_context, running_threads
from raworc_operator.context import Context
from raworc_operator.kopf_settings import operator_settings

_BEGAN = time.monotonic()
# The spaces of the first look are spread over some seconds.
_QUIET_SECONDS = 6.0


def _peak_mebibytes() -> int:
    """Return the peak of this program alone; `ru_maxrss` begins with that of its parent."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024


def _report(context: Context, memo: kopf.Memo) -> None:
    queues = (context.session_queue, context.space_queue)
    last, quiet_since = (-1, -1), time.monotonic()
    while not memo.resync.looks or time.monotonic() - quiet_since < _QUIET_SECONDS:
        done = (memo.resync.looks, sum(queue.runs for queue in queues))
        if done != last:
            last, quiet_since = done, time.monotonic()
        time.sleep(0.05)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "seconds": round(quiet_since - _BEGAN, 2),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "mebibytes": _peak_mebibytes(),
        "looks": memo.resync.looks,
        "session_runs": context.session_queue.runs,
        "space_runs": context.space_queue.runs,
        "failures": sum(queue.failures for queue in queues) + memo.resync.failures,
    }
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    context = make_context(SETTINGS)
    with running_threads(context) as memo:
        threading.Thread(target=_report, args=(context, memo), daemon=True).start()
        kopf.run(
            clusterwide=True,
            standalone=True,
            identity="test",  # type: ignore[arg-type]  # its type is not public
            settings=operator_settings(),
            memo=memo,
        )
