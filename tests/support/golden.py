"""Whole manifests, compared with files that a person has read; renewed by one option of pytest."""

from pathlib import Path
from typing import Any

import pytest
import yaml

COMMAND = "pytest --renew-golden"


class Golden:
    """The files of one folder; with ``renew`` they are written instead of compared."""

    def __init__(self, folder: Path, *, renew: bool) -> None:
        self._folder, self._renew = folder, renew

    def check(self, name: str, manifest: Any) -> None:  # noqa: ANN401 - anything that YAML holds
        """Compare a manifest with its file as a whole, line by line."""
        file = self._folder / f"{name}.yaml"
        text = yaml.dump(manifest, Dumper=_PlainDumper, sort_keys=True, width=100)
        if self._renew:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        if not file.exists():
            pytest.fail(f"There is no {file}; `{COMMAND} <this test>` writes it.")
        advice = f"Read what differs; if it is meant, `{COMMAND} <this test>` renews {file}."
        assert text.splitlines() == file.read_text().splitlines(), advice


class _PlainDumper(yaml.SafeDumper):
    """Writes out what stands twice, so that each place can be read by itself."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        return True
