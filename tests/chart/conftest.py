"""Renders the charts with Helm, once for each set of values."""

import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
VALUES = Path(__file__).parent / "values"

Manifest = dict[str, Any]
Helm = Callable[..., "subprocess.CompletedProcess[str]"]
Render = Callable[..., list[Manifest]]


@pytest.fixture(scope="session")
def helm() -> Helm:
    """Run Helm and return what it said."""
    program = shutil.which("helm") or pytest.fail("helm must be on the PATH")

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [program, *arguments]
        return subprocess.run(  # noqa: S603 - the tests' own arguments
            command, capture_output=True, text=True, check=False, cwd=ROOT
        )

    return run


@pytest.fixture(scope="session")
def template(helm: Helm) -> Helm:
    """Render the chart raworc as an installation would, with these flags."""

    def run(*flags: str) -> "subprocess.CompletedProcess[str]":
        release = ["raworc", "helm/raworc", "--namespace", "raworc-system"]
        return helm("template", *release, "--kube-version", "1.35.0", *flags)

    return run


@pytest.fixture(scope="session")
def render(template: Helm) -> Render:
    """Render the chart raworc with flags into its objects; ``values`` names a file of these."""

    @cache
    def objects(*flags: str, values: str = "") -> list[Manifest]:
        chosen = ["--values", str(VALUES / f"{values}.yaml")] if values else []
        done = template(*chosen, *flags)
        assert done.returncode == 0, done.stderr
        return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]

    return objects


@pytest.fixture(
    params=["", "bundled", "external", "accounts"],
    ids=["default", "bundled", "external", "accounts"],
)
def manifests(request: pytest.FixtureRequest, render: Render) -> list[Manifest]:
    """Every object of the chart, for each set of values."""
    return render(values=request.param)


@pytest.fixture
def find(render: Render) -> Callable[..., Manifest]:
    """Return one object of the rendered chart by kind and name."""

    def one(kind: str, name: str, *flags: str, values: str = "") -> Manifest:
        found = [
            manifest
            for manifest in render(*flags, values=values)
            if (manifest["kind"], manifest["metadata"]["name"]) == (kind, name)
        ]
        assert len(found) == 1, f"{kind} {name}: {len(found)} of them"
        return found[0]

    return one
