"""Renders the models as CustomResourceDefinitions: ``python -m raworc_crds.render [--check]``."""

import sys
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from raworc_crds import agent_session, space
from raworc_crds.group import CATEGORY, GROUP, VERSION
from raworc_crds.wire import DNS_LABEL, Schema

_ROOT = Path(__file__).parents[2]
# The chart cannot read files outside its folder, so it gets the same ones.
FOLDERS = (_ROOT / "crds", _ROOT / "helm" / "raworc-crds" / "files")

# What a structural schema refuses; and defaults: the operator fills them in, so they can change.
_DROPPED = {"title", "$defs", "const", "propertyNames", "default"}
_READY = ".status.conditions[?(@.type=='Ready')]"

Manifest = dict[str, Any]


def structural(schema: Schema, defs: Schema | None = None) -> Schema:
    """Inline every reference, take "or null" as "may be left out", drop what CRDs refuse."""
    defs = schema.get("$defs", {}) if defs is None else defs
    if "$ref" in schema:
        target = defs[schema["$ref"].rpartition("/")[2]]
        return structural({**target, **_without(schema, "$ref")}, defs)
    if "anyOf" in schema and "x-kubernetes-int-or-string" not in schema:
        (inner,) = (option for option in schema["anyOf"] if option != {"type": "null"})
        return structural({**inner, **_without(schema, "anyOf")}, defs)
    out = _without(schema, *_DROPPED)
    if "properties" in out:
        out["properties"] = {k: structural(v, defs) for k, v in out["properties"].items()}
        out.pop("additionalProperties", None)
    for nested in ("items", "additionalProperties"):
        if isinstance(out.get(nested), dict):
            out[nested] = structural(out[nested], defs)
    return out


class _PlainDumper(yaml.SafeDumper):
    """Writes what occurs twice twice, for people who read the file."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        return True


def _without(schema: Schema, *keys: str) -> Schema:
    return {key: value for key, value in schema.items() if key not in keys}


def _column(name: str, path: str, *, kind: str = "string", priority: int = 0) -> Manifest:
    column: Manifest = {"name": name, "type": kind, "jsonPath": path}
    return column | ({"priority": priority} if priority else {})


def _root(spec: type[BaseModel], status: type[BaseModel], rules: dict[str, str]) -> Schema:
    return {
        "type": "object",
        "description": (sys.modules[spec.__module__].__doc__ or "").strip(),
        "required": ["spec"],
        "x-kubernetes-validations": [
            {"rule": rule, "message": message} for rule, message in rules.items()
        ],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(spec.model_json_schema(by_alias=True)),
            "status": structural(status.model_json_schema(by_alias=True)),
        },
    }


def _definition(names: Manifest, scope: str, schema: Schema, columns: list[Manifest]) -> Manifest:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": scope,
            "names": {**names, "categories": [CATEGORY]},
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def space_definition() -> Manifest:
    """Render the definition of the Space."""
    rules = {
        f"self.metadata.name.size() <= {space.MAX_NAME}": (
            f"a Space's name must have at most {space.MAX_NAME} characters"
        ),
        f"self.metadata.name.matches('{DNS_LABEL}')": (
            "a Space's name must be lower-case letters, digits and '-', without dots"
        ),
        f"self.metadata.name != '{space.RESERVED_NAME}'": (
            f"a Space must not be named '{space.RESERVED_NAME}': its namespace is the release's"
        ),
    }
    return _definition(
        {"kind": space.KIND, "plural": space.PLURAL, "singular": "space", "shortNames": ["rspace"]},
        "Cluster",
        _root(space.SpaceSpec, space.SpaceStatus, rules),
        [
            _column("Ready", f"{_READY}.status"),
            _column("Reason", f"{_READY}.reason"),
            _column("Built", ".status.conditions[?(@.type=='Built')].reason"),
            _column("Sessions", ".status.sessions", kind="integer"),
            _column("Running", ".status.runningSessions", kind="integer"),
            _column("Build", ".status.build.id", priority=1),
            _column("Image", ".status.image", priority=1),
            _column("Age", ".metadata.creationTimestamp", kind="date"),
        ],
    )


def session_definition() -> Manifest:
    """Render the definition of the AgentSession."""
    rules = {
        f"self.metadata.name.size() <= {agent_session.MAX_NAME}": (
            f"an AgentSession's name must have at most {agent_session.MAX_NAME} characters"
        ),
        f"self.metadata.name.matches('{DNS_LABEL}')": (
            "an AgentSession's name must be lower-case letters, digits and '-', without dots"
        ),
    }
    return _definition(
        {
            "kind": agent_session.KIND,
            "plural": agent_session.PLURAL,
            "singular": "agentsession",
            "shortNames": ["asess"],
        },
        "Namespaced",
        _root(agent_session.SessionSpec, agent_session.SessionStatus, rules),
        [
            _column("State", ".status.state"),
            _column("Ready", f"{_READY}.status"),
            _column("Reason", f"{_READY}.reason"),
            _column("Agent", ".spec.agent"),
            _column("Image", ".status.image", priority=1),
            _column("Restarts", ".status.restarts", kind="integer", priority=1),
            _column("Age", ".metadata.creationTimestamp", kind="date"),
        ],
    )


def render() -> dict[str, str]:
    """Render every definition: file name → YAML."""
    definitions = (space_definition(), session_definition())
    return {
        f"{GROUP}_{definition['spec']['names']['plural']}.yaml": "# Rendered from raworc_crds.\n"
        + yaml.dump(definition, Dumper=_PlainDumper, sort_keys=False, width=100)
        for definition in definitions
    }


def main(arguments: list[str]) -> int:
    """Write the files, or with ``--check`` say which are not as the models render them."""
    rendered = {folder / name: text for folder in FOLDERS for name, text in render().items()}
    stale = [
        path for path, text in rendered.items() if not path.exists() or path.read_text() != text
    ]
    for path in stale:
        if "--check" in arguments:
            sys.stderr.write(f"{path} is not what the models render: run `make crds`\n")
        else:
            path.write_text(rendered[path])
    return len(stale) if "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
