"""A thread that repeats one step until it is stopped, whatever happens in a step."""

import logging
import threading
import time
from collections.abc import Callable

from raworc_api.core.database import UNAVAILABLE
from raworc_kube.errors import ClusterError

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0

# What a step expects: the database or the cluster does not answer now.
UNANSWERED: tuple[type[Exception], ...] = (*UNAVAILABLE, ClusterError)

Step = Callable[[threading.Event], None]

logger = logging.getLogger(__name__)


class Loop:
    """One thread of the mirror, and how it is.

    A step that fails in a way nobody foresaw is logged and made again after a growing pause: a
    thread that ended would be missed by nobody. ``seconds`` is longer than any step takes; a step
    that takes longer is stuck, which ``is_well`` shows and only a new process mends.
    """

    def __init__(self, name: str, step: Step, seconds: float) -> None:
        self._step = step
        self._seconds = seconds
        self._stop = threading.Event()
        self._began_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin with the first step."""
        self._began_at = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Make no further step."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Wait until the last step is over."""
        self._thread.join(seconds)

    def is_well(self) -> bool:
        """Say whether the thread runs, and its step does not take too long."""
        is_quick = time.monotonic() - self._began_at < self._seconds
        return self._thread.is_alive() and is_quick

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            self._began_at = time.monotonic()
            try:
                self._step(self._stop)
                pause = _FIRST_PAUSE
            except Exception:
                logger.exception("A step of '%s' failed.", self._thread.name)
                self._stop.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
