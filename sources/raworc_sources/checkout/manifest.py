"""Reading what an agent says of itself, or finding it out."""

import json
import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from raworc_crds.manifest import MANIFEST_NAME, AgentManifest
from raworc_crds.space import SpaceReason
from raworc_sources.checkout.layout import BASE_PYTHON_MINOR
from raworc_sources.problems import SourceError

_ALLOWED = f"'python', 'python3', or 'python3.<minor>' up to 'python3.{BASE_PYTHON_MINOR}'"
_PYTHON_SIGNS = ("requirements.txt", "pyproject.toml", "main.py")
_OTHER_SIGNS = {"package.json": "Node.js", "Cargo.toml": "Rust"}


def read_manifest(folder: Path, name: str) -> AgentManifest:
    """Return the manifest of an agent, or what its files say where it has none."""
    file = folder / MANIFEST_NAME
    if not file.is_file():
        _require_python(folder, name)
        return AgentManifest()
    manifest = _validated(_parsed(file, name), name)
    _require_known_python(manifest.runtime, name)
    return manifest


def _parsed(file: Path, name: str) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(file.read_bytes())
    except json.JSONDecodeError as error:
        words = f"is not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
    except UnicodeDecodeError as error:
        words = f"is not JSON in UTF-8: {error.reason} at byte {error.start}"
    raise SourceError(SpaceReason.INVALID_MANIFEST, f"Agent '{name}': '{MANIFEST_NAME}' {words}.")


def _validated(content: Any, name: str) -> AgentManifest:  # noqa: ANN401 - any JSON
    try:
        return AgentManifest.model_validate(content)
    except ValidationError as error:
        problems = error.errors(include_url=False)
    if any(problem["loc"][:1] == ("runtime",) for problem in problems):
        raise _unsupported(name, f"the runtime '{content['runtime']}'")
    words = "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'the whole'}: {problem['msg']}"
        for problem in problems
    )
    raise SourceError(
        SpaceReason.INVALID_MANIFEST,
        f"Agent '{name}': '{MANIFEST_NAME}' is not a manifest: {words}.",
    )


def _require_known_python(runtime: str, name: str) -> None:
    minor = re.search(r"[.](\d+)$", runtime)
    if minor and int(minor[1]) > BASE_PYTHON_MINOR:
        raise _unsupported(name, f"the runtime '{runtime}'")


def _require_python(folder: Path, name: str) -> None:
    if any((folder / sign).is_file() for sign in _PYTHON_SIGNS):
        return
    for sign, runtime in _OTHER_SIGNS.items():
        if (folder / sign).is_file():
            raise _unsupported(name, runtime)
    raise SourceError(
        SpaceReason.UNSUPPORTED_RUNTIME,
        f"Agent '{name}' has no '{MANIFEST_NAME}', and none of {', '.join(_PYTHON_SIGNS)} by which"
        f" its runtime could be found. Runtimes: {_ALLOWED}.",
    )


def _unsupported(name: str, what: str) -> SourceError:
    words = f"Agent '{name}' asks for {what}, but the runtime must be {_ALLOWED}."
    return SourceError(SpaceReason.UNSUPPORTED_RUNTIME, words)
