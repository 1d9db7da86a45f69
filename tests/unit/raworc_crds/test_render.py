from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes.client import V1CustomResourceDefinition

from raworc_crds import render
from raworc_crds.wire import Schema

DEFINITIONS = (render.space_definition(), render.session_definition())


def walk(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        if path or name in {"spec", "status"}:
            yield from walk(child, f"{path}.{name}")
    for nested in ("items", "additionalProperties"):
        if isinstance(schema.get(nested), dict):
            yield from walk(schema[nested], f"{path}.{nested}")


NODES = [
    (f"{definition['spec']['names']['kind']}{path}", schema)
    for definition in DEFINITIONS
    for path, schema in walk(definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"], "")
]
BOUNDS = {
    "string": {"maxLength", "enum"},
    "integer": {"minimum"},
    "array": {"maxItems"},
}


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: d["spec"]["names"]["kind"])
def test_a_definition_is_one_that_kubernetes_knows(definition: dict[str, object]) -> None:
    V1CustomResourceDefinition.model_validate(definition)


@pytest.mark.parametrize(("path", "schema"), NODES, ids=[path for path, _ in NODES])
def test_every_field_is_bounded(path: str, schema: Schema) -> None:
    wanted = BOUNDS.get(schema.get("type", ""), set())
    assert not wanted or wanted & schema.keys(), path
    if "additionalProperties" in schema:
        assert "maxProperties" in schema, path


@pytest.mark.parametrize(("path", "schema"), NODES, ids=[path for path, _ in NODES])
def test_every_list_says_how_it_merges(path: str, schema: Schema) -> None:
    if schema.get("type") == "array":
        assert "x-kubernetes-list-type" in schema, path


@pytest.mark.parametrize(("path", "schema"), NODES, ids=[path for path, _ in NODES])
def test_every_field_is_explained(path: str, schema: Schema) -> None:
    for name, child in schema.get("properties", {}).items():
        if path.startswith(("Space.", "AgentSession.")):
            assert len(child.get("description", "")) >= 10, f"{path}.{name}"


def test_a_file_that_is_not_what_the_models_render_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(render, "FOLDERS", (tmp_path,))
    assert render.main(["--check"]) == 2
    assert "raworc.dev_spaces.yaml is not what the models render" in capsys.readouterr().err
    assert render.main([]) == 0
    assert render.main(["--check"]) == 0
