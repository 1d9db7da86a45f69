"""What is measured how often, and where."""

from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

REPORT = Path("bench/results.md")
RUNS, QUICK_RUNS = 20, 3
BUILDS, QUICK_BUILDS = 20, 1
CROWDS, QUICK_CROWDS = 1, 0


@dataclass(frozen=True, slots=True)
class Settings:
    """The wishes of whoever measures."""

    context: str
    api: str
    git: str
    runs: int
    builds: int
    crowds: int
    # Where the report goes; nowhere: to the standard output.
    output: Path | None


def from_arguments(arguments: Sequence[str]) -> Settings:
    """Read the settings of the command line."""
    parser = ArgumentParser(
        "python -m bench",
        description="Measure Raworc on the running cluster, each figure beside a baseline.",
        formatter_class=ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"{QUICK_RUNS} runs, printed only: a look that takes two minutes",
    )
    parser.add_argument("--context", default="kind-raworc", help="context of kubectl")
    parser.add_argument("--api", default="http://localhost:8080", help="address of the API")
    parser.add_argument("--git", default="git://localhost:9418", help="the cluster's Git server")
    parser.add_argument("--output", type=Path, default=REPORT, help="the report, unless --quick")
    given = parser.parse_args(arguments)
    return Settings(
        context=given.context,
        api=given.api,
        git=given.git,
        runs=QUICK_RUNS if given.quick else RUNS,
        builds=QUICK_BUILDS if given.quick else BUILDS,
        crowds=QUICK_CROWDS if given.quick else CROWDS,
        output=None if given.quick else given.output,
    )
