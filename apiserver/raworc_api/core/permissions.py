"""Who may do what: rules, and the decision over them; what no rule allows is not allowed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from raworc_crds.group import GROUP

ANY = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """Verbs on resources; without names it holds for every name."""

    resources: frozenset[str]
    verbs: frozenset[str]
    api_groups: frozenset[str] = frozenset({ANY})
    resource_names: frozenset[str] = frozenset()

    def allows(self, ask: "Ask") -> bool:
        """Say whether this rule alone allows it."""
        return (
            _matches(self.api_groups, GROUP)
            and _matches(self.resources, ask.resource)
            and _matches(self.verbs, ask.verb)
            and self._names(ask.name)
        )

    def _names(self, name: str | None) -> bool:
        # As in Kubernetes, a rule for some names allows no list and no create.
        return not self.resource_names or _matches(self.resource_names, name)


@dataclass(frozen=True, slots=True)
class Grant:
    """A rule, in one space or (without a space) in all."""

    rule: Rule
    space: str | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A verb on a resource, in a space (if it belongs to one), by name (if it has one)."""

    resource: str
    verb: str
    space: str | None = None
    name: str | None = None


def authorize(grants: Iterable[Grant], ask: Ask) -> bool:
    """Say whether any of the grants allows what is asked."""
    return any(grant.space in {None, ask.space} and grant.rule.allows(ask) for grant in grants)


def authorize_somewhere(grants: Iterable[Grant], resource: str, verb: str) -> bool:
    """Say whether a verb is allowed for anything at all, so that asking further makes sense."""
    return any(
        grant.rule.allows(Ask(resource, verb, grant.space, name))
        for grant in grants
        for name in (grant.rule.resource_names or {None})
    )


@dataclass(frozen=True, slots=True)
class Caller:
    """An account that proved who it is, and what it was granted."""

    name: str
    grants: tuple[Grant, ...]
    expires_at: datetime

    def may(self, resource: str, verb: str, space: str, name: str | None = None) -> bool:
        """Say whether the caller may do this in the space."""
        return authorize(self.grants, Ask(resource, verb, space, name))

    def spaces(self, resource: str, verb: str) -> frozenset[str] | None:
        """Return the spaces in which the caller may do this; ``None`` means all of them."""
        allowed = [grant for grant in self.grants if grant.rule.allows(Ask(resource, verb))]
        if any(grant.space is None for grant in allowed):
            return None
        return frozenset(grant.space for grant in allowed if grant.space is not None)


def _matches(allowed: frozenset[str], value: str | None) -> bool:
    return ANY in allowed or value in allowed
