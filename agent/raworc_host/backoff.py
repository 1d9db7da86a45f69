"""How long to wait before the next try."""

import os

_SHORTEST = 0.05
_IMPATIENT_TRIES = 10
"""About 6 seconds of tries at most a second apart: an API server that is being replaced."""


class Backoff:
    """Delays that double, with jitter, up to a second at first and to ``longest`` later."""

    def __init__(self, longest: float = 5.0) -> None:
        self._longest = longest
        self._tries = 0

    def next_delay(self) -> float:
        """Return the seconds to wait now."""
        cap = min(1.0, self._longest) if self._tries < _IMPATIENT_TRIES else self._longest
        delay = min(_SHORTEST * (1 << min(self._tries, 16)), cap)
        self._tries += 1
        return delay * jitter()

    def reset(self) -> None:
        """Begin anew, after a success."""
        self._tries = 0


def jitter() -> float:
    """Return a number of [0.5, 1], so that hosts do not come back all at once.

    Not from ``random``, whose import takes as long as a request.
    """
    return 0.5 + os.urandom(1)[0] / 510
