"""Reads and writes accounts, roles and bindings."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import bindparam
from sqlalchemy.dialects.mysql import insert
from sqlmodel import Session, col, select

from raworc_api.accounts.tables import Account, Role, RoleBinding


class GrantedRules(NamedTuple):
    """The rules of one role, in one space or in all."""

    space: str | None
    rules: list[dict[str, Any]]


class GrantedAccount(NamedTuple):
    """What decides over an account's requests."""

    name: str
    active: bool
    granted: list[GrantedRules]


# Made once, as every request asks it.
_GRANTED = (
    select(Account.name, Account.active, RoleBinding.space, Role.rules)
    .select_from(Account)
    .join(RoleBinding, col(RoleBinding.principal) == col(Account.name), isouter=True)
    .join(Role, col(Role.name) == col(RoleBinding.role), isouter=True)
    .where(col(Account.name).in_(bindparam("names", expanding=True)))
    .order_by(col(Account.name), col(RoleBinding.id))
)


def find_account(db: Session, name: str) -> Account | None:
    """Find an account by its name."""
    return db.get(Account, name)


def find_granted(db: Session, name: str) -> GrantedAccount | None:
    """Find what an account was granted, in one query."""
    return next(iter(list_granted(db, [name])), None)


def list_granted(db: Session, names: Sequence[str]) -> list[GrantedAccount]:
    """List what accounts were granted, in one query."""
    rows = db.connection().execute(_GRANTED, {"names": names})
    accounts = []
    for (name, active), group in groupby(rows, lambda row: (row.name, row.active)):
        granted = [GrantedRules(space, rules) for *_, space, rules in group if rules is not None]
        accounts.append(GrantedAccount(name, active, granted))
    return accounts


def add_account(db: Session, account: Account) -> bool:
    """Add an account unless there is one of its name; say whether it was added."""
    row = insert(Account).values(**account.model_dump())
    # Two replicas may start at once: the second leaves the first one's row as it is.
    result = db.connection().execute(row.on_duplicate_key_update(name=row.inserted.name))
    return result.rowcount == 1


def lock_account(db: Session, name: str) -> Account:
    """Lock an account that is known to be there."""
    return db.exec(select(Account).where(Account.name == name).with_for_update()).one()


def has_binding(db: Session, principal: str, role: str) -> bool:
    """Say whether a principal has a role in all spaces."""
    mine = select(RoleBinding.id).where(
        RoleBinding.principal == principal,
        RoleBinding.role == role,
        col(RoleBinding.space).is_(None),
    )
    return db.exec(mine.limit(1)).first() is not None


def add_binding(db: Session, principal: str, role: str) -> None:
    """Give a principal a role in all spaces."""
    db.add(RoleBinding(principal=principal, role=role))
