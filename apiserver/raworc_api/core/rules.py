"""Rules as REST writes them, within bounds, and read into what decides."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from raworc_api.core.bodies import Body
from raworc_api.core.permissions import ANY, Rule

_MOST = 32
_Word = Annotated[
    str,
    StringConstraints(min_length=1, max_length=253, pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9._@-]*)$"),
]
_Words = Annotated[list[_Word], Field(min_length=1, max_length=_MOST)]


class RuleView(Body):
    """Verbs on resources; `*` means all, and without names the rule holds for every name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_groups: _Words = Field(default=[ANY], description="`raworc.dev` or `*`.")
    resources: _Words = Field(description="Such as `sessions`.")
    verbs: _Words = Field(description="Such as `get`.")
    resource_names: Annotated[list[_Word], Field(max_length=_MOST)] | None = Field(
        None, description="Names of the resource; a list or a create has none."
    )


def rule_views(rules: Iterable[dict[str, Any]]) -> list[RuleView]:
    """Show rules as they are stored, whoever stored them."""
    return [RuleView.model_construct(**_given(rule)) for rule in rules]


def shown(rule: Rule) -> dict[str, Any]:
    """Show a rule that decides, in a fixed order."""
    return {
        "api_groups": sorted(rule.api_groups),
        "resources": sorted(rule.resources),
        "verbs": sorted(rule.verbs),
        "resource_names": sorted(rule.resource_names) or None,
    }


def _given(rule: dict[str, Any]) -> dict[str, Any]:
    names = ("api_groups", "resources", "verbs")
    return {name: list(rule.get(name) or ()) for name in names} | {
        "resource_names": rule.get("resource_names")
    }
