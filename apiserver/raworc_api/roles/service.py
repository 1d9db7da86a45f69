"""Roles: seen, made, changed and removed by who holds what they allow."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from raworc_api.accounts.authentication import ACCOUNTS_TOPIC
from raworc_api.accounts.grants import parse_rules
from raworc_api.accounts.tables import Role
from raworc_api.core.database import Database, add_unique
from raworc_api.core.pages import Page, PageQuery, cut
from raworc_api.core.permissions import Caller, Grant
from raworc_api.core.problems import ConflictProblem, ForbiddenProblem, NotFoundProblem
from raworc_api.core.rules import RuleView, rule_views
from raworc_api.core.wake import Bus
from raworc_api.roles import repository
from raworc_api.roles.builtin import ROLES
from raworc_api.roles.schemas import RoleBody, RoleFields, RoleView


@dataclass(frozen=True, slots=True)
class RoleService:
    """What callers may do with roles."""

    database: Database
    bus: Bus

    def list(self, caller: Caller, asked: PageQuery) -> Page[RoleView]:
        """List roles by name."""
        _check(caller, "list", None)
        with self.database() as db:
            rows = repository.list_roles(db, asked.after, asked.limit + 1)
        page, last = cut(rows, asked.limit)
        return Page([_role_view(row) for row in page], last.name if last else None)

    def get(self, caller: Caller, name: str) -> RoleView:
        """Show a role."""
        _check(caller, "get", name)
        with self.database() as db:
            return _role_view(_present(repository.find_role(db, name), name))

    def create(self, caller: Caller, body: RoleBody) -> RoleView:
        """Make a role, which nobody has yet."""
        _check(caller, "create", None)
        rules = _held(caller, body.rules)
        role = Role(
            name=body.name,
            rules=rules,
            description=body.description,
            created_at=datetime.now(UTC),
        )
        with self.database() as db:
            if not add_unique(db, role):
                raise ConflictProblem(f"There is a role '{body.name}' already.")
            db.commit()
        return _role_view(role)

    def change(self, caller: Caller, name: str, fields: RoleFields) -> RoleView:
        """Change what a role allows to everyone who has it."""
        _check(caller, "update", name)
        with self.database() as db:
            role = _changeable(repository.lock_role(db, name), name)
            if "rules" in fields.model_fields_set:
                role.rules = _held(caller, fields.rules)
            if "description" in fields.model_fields_set:
                role.description = fields.description
            db.commit()
        self.bus.publish(ACCOUNTS_TOPIC)
        return _role_view(role)

    def delete(self, caller: Caller, name: str) -> None:
        """Remove a role that nobody has."""
        _check(caller, "delete", name)
        with self.database() as db:
            role = _changeable(repository.lock_role(db, name), name)
            if repository.has_bindings(db, name):
                raise ConflictProblem(f"Role '{name}' has bindings: delete these first.")
            db.delete(role)
            db.commit()


def check_held(caller: Caller, role: Role, space: str | None) -> None:
    """Refuse to pass on what the caller may not do in the space (or, without one, in all)."""
    if not all(caller.holds(Grant(rule, space)) for rule in parse_rules(role.rules)):
        where = "in all spaces" if space is None else f"in space '{space}'"
        raise ForbiddenProblem(f"Role '{role.name}' allows more than you may do {where}.")


def _held(caller: Caller, rules: Iterable[RuleView]) -> list[dict[str, object]]:
    stored = [rule.model_dump() for rule in rules]
    if not all(caller.holds(Grant(rule)) for rule in parse_rules(stored)):
        raise ForbiddenProblem("The rules allow more than you may do in all spaces.")
    return stored


def _check(caller: Caller, verb: str, name: str | None) -> None:
    if not caller.may("roles", verb, None, name):
        raise ForbiddenProblem(f"You may not {verb} roles.")


def _present(role: Role | None, name: str) -> Role:
    if role is None:
        raise NotFoundProblem(f"There is no role '{name}'.")
    return role


def _changeable(role: Role | None, name: str) -> Role:
    if name in ROLES:
        raise ConflictProblem(f"Role '{name}' comes with Raworc and cannot be changed.")
    return _present(role, name)


def _role_view(role: Role) -> RoleView:
    return RoleView(
        id=role.name,
        name=role.name,
        description=role.description,
        rules=rule_views(role.rules),
        is_builtin=role.name in ROLES,
        created_at=role.created_at,
    )
