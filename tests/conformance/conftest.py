"""A stage for one agent, of whichever runtime."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conformance.runtimes import AGENTS, RUNTIMES, RUST, Runtime
from tests.conformance.stage import Stage

Build = Callable[[Path], Path]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Compile the binary of a folder, as a build does; it has no crates, and so no network."""
    target = tmp_path_factory.mktemp("target")

    def compile_it(folder: Path) -> Path:
        command = ["cargo", "build", "--quiet", "--release", "--offline", "--target-dir"]
        subprocess.run([*command, str(target)], cwd=folder, check=True, timeout=60)  # noqa: S603 - ours
        return target / "release" / "conformance"

    return compile_it


@pytest.fixture(params=RUNTIMES, ids=lambda runtime: str(runtime.name))
def runtime(request: pytest.FixtureRequest) -> Runtime:
    found: Runtime = request.param
    if found is not RUST:
        return found
    build: Build = request.getfixturevalue("build")
    return replace(found, program=str(build(AGENTS / "rust")))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    try:
        yield made
    finally:
        made.close()
        sys.stdout.write(made.output())


@pytest.fixture
def agent(stage: Stage, runtime: Runtime) -> Stage:
    """The agent of the suite on its stage."""
    stage.put(runtime.files(), **runtime.entry())
    stage.start()
    return stage
