"""Renders values, schema and README: ``python -m helm.raworc_chart.render [--check]``."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import Any

from pydantic import BaseModel

from .values import ChartValues

FOLDER = Path(__file__).parents[1] / "raworc"
_TABLE = "<!-- values -->\n"
_SHARED = "global"
_COLUMNS = 96

Schema = dict[str, Any]


def render() -> dict[str, str]:
    """Render every file: name → text."""
    return {"values.yaml": values_yaml(), "values.schema.json": schema(), "README.md": readme()}


def values_yaml() -> str:
    """Render the values file: every property, its description above it."""
    lines = _documented(ChartValues(), indent="")
    return "# Rendered from helm/raworc_chart: change values there.\n\n" + "\n".join(lines) + "\n"


def schema() -> str:
    """Render the JSON Schema by which Helm checks values."""
    rendered = _untitled(ChartValues.model_json_schema(by_alias=True))
    rendered["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(rendered, indent=2) + "\n"


def readme() -> str:
    """Render the README with its table of values."""
    before, _, _ = (FOLDER / "README.md").read_text().partition(_TABLE)
    rows = [f"| `{path}` | `{default}` | {text} |" for path, default, text in _leaves()]
    return (
        before
        + _TABLE
        + "\n".join(["| value | default | what it is |", "| --- | --- | --- |", *rows, ""])
    )


def _documented(group: BaseModel, indent: str) -> Iterator[str]:
    for key, value, description in _properties(group):
        comment = wrap(f"{key}: {description}", _COLUMNS - len(indent))
        yield f"{indent}# " + f"\n{indent}#   ".join(comment)
        if isinstance(value, BaseModel):
            yield f"{indent}{key}:"
            yield from _documented(value, f"{indent}  ")
        else:
            yield f"{indent}{key}: {json.dumps(value)}"


def _leaves(group: BaseModel | None = None, above: str = "") -> Iterator[tuple[str, str, str]]:
    for key, value, description in _properties(group or ChartValues()):
        if isinstance(value, BaseModel):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", json.dumps(value), description


def _properties(group: BaseModel) -> Iterator[tuple[str, Any, str]]:
    """Walk a group: key in the file, default, description; what has no default is left out."""
    for name, field in type(group).model_fields.items():
        key, value = field.alias or name, getattr(group, name)
        if value is not None and key != _SHARED:
            yield key, value, field.description or ""


def _untitled(node: Schema) -> Schema:
    """Drop pydantic's titles, and "or null": Helm takes a null as a key left out."""
    return {
        key: _inner(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str)) and value is not None
    }


def _inner(value: object) -> object:
    if isinstance(value, dict):
        return _untitled(value)
    if isinstance(value, list):
        return [_inner(item) for item in value if item != {"type": "null"}]
    return value


def main(arguments: list[str]) -> int:
    """Write the files, or with ``--check`` say which are not as the values render them."""
    rendered = render()
    stale = [
        name
        for name, text in rendered.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text() != text
    ]
    for name in stale:
        if "--check" in arguments:
            sys.stderr.write(f"{name} is not what helm/raworc_chart renders\n")
        else:
            (FOLDER / name).write_text(rendered[name])
    return len(stale) if "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
