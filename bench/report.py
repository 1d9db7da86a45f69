"""The report: what was measured beside its baseline, the targets, and what it was measured on."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.samples import Measurement, Series

MILLI = 1000


@dataclass(frozen=True, slots=True)
class Target:
    """A promise, and what was measured of it."""

    promise: str
    limit: float
    measured: float
    unit: str

    @property
    def is_met(self) -> bool:
        """Whether what was measured is within the limit."""
        return self.measured <= self.limit

    def row(self) -> str:
        """Write the promise as a row of a table."""
        is_met = "yes" if self.is_met else "**no**"
        return (
            f"| {self.promise} | {self.limit:g}{self.unit} "
            f"| {_rounded(self.measured)}{self.unit} | {is_met} |"
        )


def render(
    rows: Sequence[Measurement],
    told: Sequence[str],
    targets: Sequence[Target],
    cluster: Mapping[str, str],
) -> str:
    """Write the whole report."""
    return "\n".join(
        [
            "# Measurements",
            "",
            "Made by `make bench`; times are in milliseconds. A measurement and its baseline take",
            "turns in one run, and begin spread over the second, as a kubelet looks once a second.",
            "",
            *_HEADING,
            *(_row(row) for row in rows),
            "",
            *_EXPLANATION,
            "",
            *(line for sentence in told for line in (sentence, "")),
            "## Targets",
            "",
            "| target | at most | measured | met |",
            "| --- | --: | --: | --- |",
            *(target.row() for target in targets),
            "",
            "## Measured on",
            "",
            *(f"* {what}: {value}" for what, value in {**_machine(), **cluster}.items()),
            "",
        ]
    )


_HEADING = (
    "| measured | runs | p50 | p95 | own p50 | own p95 | baseline | runs | p50 | p95 | ratio |",
    "| --- | --: | --: | --: | --: | --: | --- | --: | --: | --: | --: |",
)
_EXPLANATION = (
    "* Own: our share, from the request to the pod being there, and from the pod being ready",
    "  to the client hearing `idle`; what lies between is the scheduler's and the kubelet's.",
    "* Ratio: of the two medians.",
    "* Sessions and messages are heard over server-sent events, spaces and pods over a watch.",
    "* A bare pod has one container, with the image, the limits and the security context of the",
    "  agents' container of a session, which sleeps.",
    "* A build that hits is a change of the space to a commit that was built before; no Job ran.",
    "  One that misses is a new space with an agent that was never built; where it has fewer than",
    "  20 runs, its p95 is the slowest of few.",
)


def _row(row: Measurement) -> str:
    own = _figures(row.own) if row.own else "| | "
    return (
        f"| {row.whole.name} | {len(row.whole.samples)} {_figures(row.whole)}{own}"
        f"| {row.baseline.name} | {len(row.baseline.samples)} {_figures(row.baseline)}"
        f"| {row.ratio:.2f} |"
    )


def _figures(series: Series) -> str:
    return f"| {_rounded(series.p50 * MILLI)} | {_rounded(series.p95 * MILLI)} "


def _rounded(figure: float) -> str:
    digits = 0 if figure >= 100 else 1  # noqa: PLR2004 - three digits say enough
    return f"{figure:.{digits}f}" if figure >= 10 else f"{figure:.2f}"  # noqa: PLR2004 - as above


def _machine() -> dict[str, str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "Raworc": version("raworc"),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB",
        "Python of the client": platform.python_version(),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
