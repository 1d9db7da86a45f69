"""Definitions: those of the contract, kept when the release goes."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from raworc_crds.render import render

CHART = Path(__file__).parents[2] / "helm" / "raworc-crds"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def _definitions(helm: Run, *flags: str) -> list[dict[str, Any]]:
    done = helm("template", "raworc-crds", str(CHART), "--kube-version", "1.35.0", *flags)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def test_the_chart_carries_what_the_models_render() -> None:
    files = {path.name: path.read_text() for path in (CHART / "files").iterdir()}
    assert files == render()


def test_the_chart_installs_the_definitions_unchanged(helm: Run) -> None:
    specs = {found["metadata"]["name"]: found["spec"] for found in _definitions(helm)}
    rendered = [yaml.safe_load(text) for text in render().values()]
    assert specs == {found["metadata"]["name"]: found["spec"] for found in rendered}


def test_definitions_outlive_the_release_unless_told_otherwise(helm: Run) -> None:
    for definition in _definitions(helm):
        assert definition["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    for definition in _definitions(helm, "--set", "keep=false"):
        assert "annotations" not in definition["metadata"]


def test_a_key_that_nobody_knows_is_refused(helm: Run) -> None:
    done = helm("template", str(CHART), "--kube-version", "1.35.0", "--set", "kept=1")
    assert "'kept'" in done.stderr
