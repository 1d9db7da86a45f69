"""Samples of one measurement and of its baseline, and what is told of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from time import monotonic, sleep, time


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the smallest sample that at least this share of all do not exceed."""
    return sorted(samples)[max(0, ceil(share * len(samples)) - 1)]


@dataclass(slots=True)
class Series:
    """One measurement, repeated; all times are in seconds."""

    name: str
    samples: list[float] = field(default_factory=list)

    def add(self, seconds: float) -> None:
        """Take one sample."""
        self.samples.append(seconds)

    @property
    def p50(self) -> float:
        """Half of the runs took no longer."""
        return percentile(self.samples, 0.5)

    @property
    def p95(self) -> float:
        """Nineteen of twenty runs took no longer."""
        return percentile(self.samples, 0.95)


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measurement beside its baseline, and with our own share where it can be told apart."""

    whole: Series
    baseline: Series
    own: Series | None = None

    @property
    def ratio(self) -> float:
        """How many times the baseline the whole takes, at the median."""
        return self.whole.p50 / self.baseline.p50


def spread(run: int, runs: int) -> float:
    """Begin a run at its place in the second, and return the time.

    A kubelet looks at its containers once a second: runs that begin where the last one ended
    would all meet it at the same moment.
    """
    sleep((run / runs - time()) % 1)
    return monotonic()
