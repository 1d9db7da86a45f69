"""Measures everything in one run, and writes the report."""

import sys
from time import monotonic

from bench.builds import measure_hit, measure_miss
from bench.ground import prepared
from bench.messages import measure_answer, measure_first_byte
from bench.report import MILLI, Target, render
from bench.samples import Measurement
from bench.settings import from_arguments
from bench.starts import measure_create, measure_restore


def main(arguments: list[str]) -> None:
    """Measure, and write the report."""
    settings = from_arguments(arguments)
    begun = monotonic()
    with prepared(settings) as ground:
        _say("the space is built", begun)
        create = measure_create(ground)
        _say("sessions are created", begun)
        restore, lone = measure_restore(ground)
        _say("sessions are restored", begun)
        first_byte, answer = measure_first_byte(ground), measure_answer(ground)
        _say("messages are answered", begun)
        hit, miss = measure_hit(ground), measure_miss(ground)
        _say("spaces are built", begun)
        rows = [create, restore, lone, first_byte, answer, hit, miss]
        targets = [*_targets_of_starts(create, restore), *_targets_of_rest(answer, hit, miss)]
        settings.output.write_text(render(rows, targets, ground.cluster.versions()))
    _say(f"{settings.output} is written", begun)


def _targets_of_starts(create: Measurement, restore: Measurement) -> list[Target]:
    found = []
    for name, measured in (("create", create), ("restore", restore)):
        if measured.own:
            own = measured.own.p50 * MILLI
            found.append(Target(f"own share of {name}, p50", 150, own, " ms"))
        found.append(Target(f"{name} against its baseline, p50", 1.3, measured.ratio, " times"))
    return found


def _targets_of_rest(answer: Measurement, hit: Measurement, miss: Measurement) -> list[Target]:
    return [
        Target("message → answer, p50", 60, answer.whole.p50 * MILLI, " ms"),
        Target("build hit, p95", 1000, hit.whole.p95 * MILLI, " ms"),
        Target("first build, p95", 20_000, miss.whole.p95 * MILLI, " ms"),
    ]


def _say(what: str, begun: float) -> None:
    sys.stderr.write(f"{monotonic() - begun:6.0f} s  {what}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
