"""Who may do what: rules, and the decision over them; what no rule allows is not allowed."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import product

from raworc_crds.group import GROUP

ANY = "*"


class ProofKind(StrEnum):
    """What a caller can prove an account by."""

    LOGIN = "login"
    API_TOKEN = "api-token"  # noqa: S105 - a kind of token


@dataclass(frozen=True, slots=True)
class Proof:
    """By what a caller proved its account."""

    kind: ProofKind
    id: str


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


# When a token of an account last ended, and what the account may do: streams go by these.
Rights = tuple[datetime | None, tuple[Grant, ...]]


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


def covers(grants: Sequence[Grant], wanted: Grant) -> bool:
    """Say whether grants allow all that ``wanted`` allows, so that who has them may pass it on."""
    rule = wanted.rule
    parts = product(rule.api_groups, rule.resources, rule.verbs, rule.resource_names or {ANY})
    near = [grant.rule for grant in grants if grant.space in {None, wanted.space}]
    return any(_includes(mine, rule) for mine in near) or all(
        any(_includes(mine, _single(part)) for mine in near) for part in parts
    )


def _single(part: tuple[str, str, str, str]) -> Rule:
    group, resource, verb, name = part
    return Rule(frozenset({resource}), frozenset({verb}), frozenset({group}), frozenset({name}))


def _includes(mine: Rule, other: Rule) -> bool:
    return (
        _holds(mine.api_groups, other.api_groups)
        and _holds(mine.resources, other.resources)
        and _holds(mine.verbs, other.verbs)
        and _holds(mine.resource_names or {ANY}, other.resource_names or {ANY})
    )


def _holds(mine: AbstractSet[str], other: AbstractSet[str]) -> bool:
    # A wildcard also means what is not known yet, so only a wildcard holds it.
    return ANY in mine or other <= mine


@dataclass(frozen=True, slots=True)
class Caller:
    """An account that proved who it is, and what it was granted.

    ``scope`` is what the token is limited to, if it is limited. ``proof`` says by which login or
    API token the account proved itself, and ``ended_at`` when a token of the account last ended.
    """

    name: str
    grants: tuple[Grant, ...]
    expires_at: datetime
    scope: tuple[Grant, ...] | None = None
    proof: Proof | None = None
    ended_at: datetime | None = None

    @property
    def rights(self) -> Rights:
        """What decides whether this caller is let in again."""
        return self.ended_at, self.grants

    def may(self, resource: str, verb: str, space: str | None, name: str | None = None) -> bool:
        """Say whether the caller may do this in the space, or (without one) outside of spaces."""
        ask = Ask(resource, verb, space, name)
        return all(authorize(grants, ask) for grants in self._limits())

    def may_somewhere(self, resource: str, verb: str) -> bool:
        """Say whether the caller may do this to anything at all."""
        return all(authorize_somewhere(grants, resource, verb) for grants in self._limits())

    def may_by_name(self, resource: str, verb: str, space: str, name: str) -> bool:
        """Say whether the caller may do this to what a rule names, not by a wildcard."""
        named = tuple(grant for grant in self.grants if name in grant.rule.resource_names)
        ask = Ask(resource, verb, space, name)
        return authorize(named, ask) and self.may(resource, verb, space, name)

    def spaces(self, resource: str, verb: str) -> frozenset[str] | None:
        """Return the spaces in which the caller may do this; ``None`` means all of them."""
        found = [_spaces(grants, resource, verb) for grants in self._limits()]
        some = [spaces for spaces in found if spaces is not None]
        return frozenset.intersection(*some) if some else None

    def holds(self, wanted: Grant) -> bool:
        """Say whether the caller may do all that ``wanted`` allows."""
        return all(covers(grants, wanted) for grants in self._limits())

    def _limits(self) -> tuple[tuple[Grant, ...], ...]:
        return (self.grants,) if self.scope is None else (self.grants, self.scope)


def _spaces(grants: Iterable[Grant], resource: str, verb: str) -> frozenset[str] | None:
    allowed = [grant for grant in grants if grant.rule.allows(Ask(resource, verb))]
    if any(grant.space is None for grant in allowed):
        return None
    return frozenset(grant.space for grant in allowed if grant.space is not None)


def _matches(allowed: frozenset[str], value: str | None) -> bool:
    return ANY in allowed or value in allowed
