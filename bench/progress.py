"""Says what is being measured, and how long the rest will take."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic

# A line comes at most this often, but for the first and the last of a measurement.
SECONDS_BETWEEN_LINES = 5


@dataclass(slots=True)
class Stage:
    """One measurement: how often it runs, and how long a run took, at first by experience."""

    name: str
    runs: int
    seconds: float
    done: int = 0
    spent: float = 0

    @property
    def left(self) -> float:
        """The seconds that its other runs will take."""
        each = self.spent / self.done if self.done else self.seconds
        return (self.runs - self.done) * each


@dataclass(slots=True)
class Progress:
    """All measurements of one run, in their order."""

    stages: list[Stage]
    clock: Callable[[], float] = monotonic
    say: Callable[[str], object] = sys.stderr.write
    _said_at: float = field(init=False, default=0)

    def runs(self, name: str) -> Iterator[int]:
        """Count the runs of a measurement, and say before each how far all of it is."""
        stage = next(stage for stage in self.stages if stage.name == name)
        for run in range(stage.runs):
            self._tell(stage, at_once=run == 0)
            begun = self.clock()
            yield run
            stage.spent += self.clock() - begun
            stage.done += 1

    @property
    def left(self) -> float:
        """The seconds that everything left will take."""
        return sum(stage.left for stage in self.stages)

    def _tell(self, stage: Stage, *, at_once: bool) -> None:
        now = self.clock()
        if at_once or now - self._said_at >= SECONDS_BETWEEN_LINES:
            self._said_at = now
            run = f"{stage.done + 1}/{stage.runs}"
            self.say(f"{stage.name:<28}{run:>6}   about {_rounded(self.left)} left\n")


def _rounded(seconds: float) -> str:
    minutes, rest = divmod(round(seconds / 10) * 10, 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
