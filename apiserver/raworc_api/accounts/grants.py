"""What accounts were granted: their roles' rules, in one space or in all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import bindparam
from sqlalchemy import select as sql_select
from sqlmodel import col, select

from raworc_api.accounts.tables import Account, Login, Role, RoleBinding
from raworc_api.core.database import Transaction
from raworc_api.core.permissions import Grant, Rights, Rule

_LOGIN = select(Login.id).where(
    Login.id == bindparam("login"), col(Login.account) == col(Account.name)
)
# Made once, as it is asked often.
_GRANTED = (
    sql_select(
        col(Account.name),
        col(Account.active),
        col(Account.ended_at),
        _LOGIN.scalar_subquery().label("login"),
        col(RoleBinding.space),
        col(Role.rules),
    )
    .select_from(Account)
    .join(RoleBinding, col(RoleBinding.principal) == col(Account.name), isouter=True)
    .join(Role, col(Role.name) == col(RoleBinding.role), isouter=True)
    .where(col(Account.name).in_(bindparam("names", expanding=True)))
    .order_by(col(Account.name), col(RoleBinding.id))
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides over an account's requests."""

    active: bool
    ended_at: datetime | None
    is_logged_in: bool
    grants: tuple[Grant, ...]


def find_standing(db: Transaction, name: str, login_id: str | None = None) -> Standing | None:
    """Find how an account stands, and whether a login of it goes on, in one query."""
    return _list_standings(db, [name], login_id).get(name)


def list_rights(db: Transaction, names: Sequence[str]) -> dict[str, Rights]:
    """Return what active accounts may do, in one query, and when a token of theirs last ended."""
    standings = _list_standings(db, names)
    return {
        name: (standing.ended_at, standing.grants)
        for name, standing in standings.items()
        if standing.active
    }


def _list_standings(
    db: Transaction, names: Sequence[str], login_id: str | None = None
) -> dict[str, Standing]:
    rows = db.connection().execute(_GRANTED, {"names": names, "login": login_id})
    standings = {}
    for (name, active, ended_at, login), group in groupby(rows, lambda row: tuple(row[:4])):
        grants = [
            Grant(rule, space)
            for *_, space, rules in group
            if rules is not None
            for rule in parse_rules(rules)
        ]
        standings[name] = Standing(active, ended_at, login is not None, tuple(grants))
    return standings


def parse_rules(rules: Iterable[Mapping[str, Any]]) -> list[Rule]:
    """Read the rules of a role; what a rule leaves out, it does not allow."""
    return [
        Rule(
            resources=frozenset(rule.get("resources") or ()),
            verbs=frozenset(rule.get("verbs") or ()),
            api_groups=frozenset(rule.get("api_groups") or ()),
            resource_names=frozenset(rule.get("resource_names") or ()),
        )
        for rule in rules
    ]
