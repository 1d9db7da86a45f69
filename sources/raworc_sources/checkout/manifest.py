"""Reading what an agent says of itself."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from raworc_crds.manifest import MANIFEST_NAME, AgentManifest
from raworc_crds.space import SpaceReason
from raworc_sources.problems import SourceError


def read_manifest(folder: Path, name: str) -> AgentManifest:
    """Return the manifest of an agent, an empty one if it has none."""
    file = folder / MANIFEST_NAME
    return _validated(_parsed(file, name), name) if file.is_file() else AgentManifest()


def _parsed(file: Path, name: str) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(file.read_bytes())
    except json.JSONDecodeError as error:
        words = f"is not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
    except UnicodeDecodeError as error:
        words = f"is not JSON in UTF-8: {error.reason} at byte {error.start}"
    except RecursionError:
        words = "is nested too deep"
    raise SourceError(SpaceReason.INVALID_MANIFEST, f"Agent '{name}': '{MANIFEST_NAME}' {words}.")


def _validated(content: Any, name: str) -> AgentManifest:  # noqa: ANN401 - any JSON
    try:
        return AgentManifest.model_validate(content)
    except ValidationError as error:
        problems = error.errors(include_url=False)
    words = "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'the whole'}: {problem['msg']}"
        for problem in problems
    )
    is_runtime = any(problem["loc"][:1] == ("runtime",) for problem in problems)
    raise SourceError(
        SpaceReason.UNSUPPORTED_RUNTIME if is_runtime else SpaceReason.INVALID_MANIFEST,
        f"Agent '{name}': '{MANIFEST_NAME}' is not a manifest: {words}.",
    )
