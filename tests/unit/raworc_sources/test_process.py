"""Programs that print too much or for too long."""

import sys
import time
from pathlib import Path

import pytest

from raworc_sources.process import Bounds, OutputLimitError, TimeLimitError, run_bounded

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def run(program: str, *, seconds: float = 20, output_bytes: int = 1000) -> tuple[int, bytes, bytes]:
    bounds = Bounds(seconds, output_bytes)
    done = run_bounded([sys.executable, "-c", program], ENVIRONMENT, None, bounds)
    return done.exit_code, done.output, done.errors


def test_what_a_program_prints_is_returned() -> None:
    program = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    assert run(program) == (3, b"out\n", b"err\n")


def test_a_program_that_prints_without_end_is_killed() -> None:
    with pytest.raises(OutputLimitError):
        run("while True: print('x' * 1000)")


def test_of_errors_without_end_the_last_are_kept() -> None:
    _, _, errors = run("import sys; sys.stderr.write('x' * 1_000_000 + 'end')")
    assert len(errors) == 16_384
    assert errors.endswith(b"end")


@pytest.mark.parametrize(
    "program",
    [
        "import time; time.sleep(60)",
        "import os; os.close(1); os.close(2); import time; time.sleep(60)",
    ],
)
def test_a_program_that_does_not_end_is_killed(program: str) -> None:
    began = time.monotonic()
    with pytest.raises(TimeLimitError):
        run(program, seconds=0.5)
    assert time.monotonic() - began < 5


def test_the_children_of_a_program_are_killed_with_it(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    child = f"while true; do date +%s%N > {alive}; sleep 0.05; done"
    with pytest.raises(TimeLimitError):
        run(f"import subprocess; subprocess.run(['sh', '-c', {child!r}])", seconds=2)
    last = alive.read_text()
    time.sleep(0.3)
    assert alive.read_text() == last
