"""Measures everything in one run, says how long is left, and writes the report."""

import sys

from bench.builds import HIT, MISS, measure_hit, measure_miss
from bench.memory import MEMORY, Memory, measure_memory
from bench.messages import ANSWER, FIRST_BYTE, measure_answer, measure_first_byte
from bench.progress import Progress, Stage
from bench.report import MILLI, Target, render
from bench.resources import prepared
from bench.samples import Measurement
from bench.settings import Settings, from_arguments
from bench.starts import CREATE, RESTORE, measure_create, measure_restore
from bench.waiting import WAITING, measure_waiting, targets_of_waiting


def main(arguments: list[str]) -> int:
    """Measure, and write the report; return 1 if a target is not met."""
    settings = from_arguments(arguments)
    progress = expected(settings)
    sys.stderr.write(f"Building the agents; all of it takes about {progress.left / 60:.0f} min.\n")
    with prepared(settings, progress) as resources:
        create = measure_create(resources)
        restore, lone = measure_restore(resources)
        memory = measure_memory(resources)
        first_byte, answer = measure_first_byte(resources), measure_answer(resources)
        hit, miss = measure_hit(resources), measure_miss(resources)
        waiting = measure_waiting(progress)
        rows = [create, restore, lone, first_byte, answer, hit, miss]
        targets = [
            *_targets_of_starts(create, restore),
            *_targets_of_rest(answer, memory, hit, miss),
            *targets_of_waiting(waiting),
        ]
        told = [memory.sentence(), *([] if waiting is None else [waiting.sentence()])]
        report = render(rows, told, targets, resources.cluster.versions())
    if settings.output is None:
        sys.stdout.write(report)
    else:
        settings.output.write_text(report)
        sys.stderr.write(f"{settings.output} is written.\n")
    return int(any(not target.is_met for target in targets))


def expected(settings: Settings) -> Progress:
    """Expect of each run the seconds that it took on a machine with two cores."""
    return Progress(
        [
            Stage(CREATE, settings.runs, 18),
            Stage(RESTORE, settings.runs, 8),
            Stage(MEMORY, 1, 32),
            Stage(FIRST_BYTE, settings.runs, 4),
            Stage(ANSWER, settings.runs, 4),
            Stage(HIT, settings.runs, 2),
            Stage(MISS, settings.builds, 10),
            Stage(WAITING, settings.crowds, 260),
        ]
    )


def _targets_of_starts(create: Measurement, restore: Measurement) -> list[Target]:
    found = []
    for name, measured in (("create", create), ("restore", restore)):
        if measured.own:
            own = measured.own.p50 * MILLI
            found.append(Target(f"own share of {name}, p50", 150, own, " ms"))
        found.append(Target(f"{name} against its baseline, p50", 1.3, measured.ratio, " times"))
    return found


def _targets_of_rest(
    answer: Measurement, memory: Memory, hit: Measurement, miss: Measurement
) -> list[Target]:
    return [
        Target("message → answer, p50", 40, answer.whole.p50 * MILLI, " ms"),
        Target("memory of an idle session", 48, memory.whole, " MiB"),
        Target("build hit, p95", 1000, hit.whole.p95 * MILLI, " ms"),
        Target("first build, p95", 20_000, miss.whole.p95 * MILLI, " ms"),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
