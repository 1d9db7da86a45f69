"""Progress: what is said while the measurements run."""

from bench.progress import Progress, Stage


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_what_is_left_is_experience_at_first_and_then_what_runs_took() -> None:
    clock, said = Clock(), list[str]()
    progress = Progress([Stage("create", 4, 10), Stage("restore", 2, 30)], clock, said.append)
    assert progress.left == 100
    for _ in progress.runs("create"):
        clock.now += 20
    assert progress.left == 60
    assert [line.split()[:2] for line in said] == [["create", f"{n}/4"] for n in (1, 2, 3, 4)]
    assert said[0].endswith("about 1 min 40 s left\n")
    assert said[1].endswith("about 2 min 00 s left\n")


def test_quick_runs_do_not_flood_the_terminal() -> None:
    clock, said = Clock(), list[str]()
    progress = Progress([Stage("answer", 100, 1)], clock, said.append)
    for _ in progress.runs("answer"):
        clock.now += 0.5
    assert len(said) == 10


def test_a_measurement_that_stops_early_leaves_its_other_runs() -> None:
    clock, said = Clock(), list[str]()
    progress = Progress([Stage("answer", 5, 2)], clock, said.append)
    next(progress.runs("answer"))
    assert progress.left == 10
