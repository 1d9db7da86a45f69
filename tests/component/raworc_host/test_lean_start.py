"""The host, the runner and the runtimes run on any Python 3.11, and start fast."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from tests.component.raworc_host.session_bed import ROOT

HOST = ROOT / "agent"
PYTHON_RUNTIME = HOST / "runtimes" / "python"
OURS = {"raworc_host", "raworc_runner", "raworc_runtime"}
# Each of these takes longer to import than the host takes to claim its session.
SLOW = {"asyncio", "dataclasses", "email", "http", "inspect", "logging", "ssl", "subprocess"}


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(), feature_version=(3, 11))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    return {name.partition(".")[0] for name in names}


def test_the_standard_library_is_enough() -> None:
    folders = (HOST / "raworc_host", HOST / "raworc_runner", PYTHON_RUNTIME)
    files = [file for folder in folders for file in folder.rglob("*.py")]
    used = set().union(*(imported(file) for file in files))
    assert used - OURS <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("folder", "module"),
    [
        (HOST, "raworc_host.__main__"),
        (HOST, "raworc_runner.__main__"),
        (PYTHON_RUNTIME, "raworc_runtime.serve"),
    ],
)
def test_nothing_slow_is_imported_at_the_start(folder: Path, module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    # Isolated from the site's packages, some of which import half the library on their own.
    run = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not SLOW & set(run.stdout.split())
