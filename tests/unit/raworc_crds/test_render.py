from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes.client import V1CustomResourceDefinition

from raworc_crds import render
from raworc_crds.wire import Schema

DEFINITIONS = {
    definition["spec"]["names"]["kind"]: definition
    for definition in (render.space_definition(), render.session_definition())
}


def walk(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Visit every field of spec and status, of lists and maps too."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}")
    for nested in ("items", "additionalProperties"):
        if isinstance(schema.get(nested), dict):
            yield from walk(schema[nested], f"{path}.{nested}")


FIELDS = {
    path: schema
    for kind, definition in DEFINITIONS.items()
    for part in ("spec", "status")
    for path, schema in walk(
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][part],
        f"{kind}.{part}",
    )
}
# Each test has those fields alone about which it says something.
BOUNDS = {"string": {"maxLength", "enum"}, "integer": {"minimum"}, "array": {"maxItems"}}
BOUNDED = [path for path, schema in FIELDS.items() if schema.get("type") in BOUNDS]
LISTS = [path for path, schema in FIELDS.items() if schema.get("type") == "array"]
MAPS = [path for path, schema in FIELDS.items() if "additionalProperties" in schema]
NAMED = [(path, name) for path, schema in FIELDS.items() for name in schema.get("properties", {})]


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_a_definition_is_one_that_kubernetes_knows(kind: str) -> None:
    V1CustomResourceDefinition.model_validate(DEFINITIONS[kind])


def test_every_field_has_a_type_that_the_other_tests_know() -> None:
    types = {schema.get("type") for schema in FIELDS.values()}
    known = {*BOUNDS, "object", "boolean"}
    assert types <= {*known, None}
    untyped = [path for path, schema in FIELDS.items() if "type" not in schema]
    assert all("x-kubernetes-int-or-string" in FIELDS[path] for path in untyped), untyped


@pytest.mark.parametrize("path", BOUNDED)
def test_every_field_is_bounded(path: str) -> None:
    assert BOUNDS[FIELDS[path]["type"]] & FIELDS[path].keys()


@pytest.mark.parametrize("path", MAPS)
def test_every_map_is_bounded(path: str) -> None:
    assert "maxProperties" in FIELDS[path]


@pytest.mark.parametrize("path", LISTS)
def test_every_list_says_how_it_merges(path: str) -> None:
    assert FIELDS[path].get("x-kubernetes-list-type") in {"map", "set", "atomic"}


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_every_field_is_explained(path: str, name: str) -> None:
    assert len(FIELDS[path]["properties"][name].get("description", "")) >= 10


def test_a_file_that_is_not_what_the_models_render_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(render, "FOLDERS", (tmp_path,))
    assert render.main(["--check"]) == 2
    assert "raworc.dev_spaces.yaml is not what the models render" in capsys.readouterr().err
    assert render.main([]) == 0
    assert render.main(["--check"]) == 0
