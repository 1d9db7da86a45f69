"""What is measured how often, and where."""

from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """The wishes of whoever measures."""

    context: str
    api: str
    runs: int
    builds: int
    output: Path


def from_arguments(arguments: Sequence[str]) -> Settings:
    """Read the settings of the command line."""
    parser = ArgumentParser(
        "python -m bench", description=__doc__, formatter_class=ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--context", default="kind-raworc", help="context of kubectl")
    parser.add_argument("--api", default="http://localhost:8080", help="address of the API")
    parser.add_argument("--runs", type=int, default=20, help="runs of each measurement")
    parser.add_argument("--builds", type=int, default=20, help="runs of a build that misses")
    parser.add_argument("--output", type=Path, default=Path("bench/results.md"), help="the report")
    return Settings(**vars(parser.parse_args(arguments)))
