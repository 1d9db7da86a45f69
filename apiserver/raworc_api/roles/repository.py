"""Reads and writes roles and role bindings."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from raworc_api.accounts.tables import Role, RoleBinding

_id = col(RoleBinding.id)
_space = col(RoleBinding.space)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which bindings a list shall have; ``spaces`` are visible ones, ``None`` means all."""

    spaces: frozenset[str] | None
    space: str | None = None
    role: str | None = None
    principal: str | None = None
    after: int | None = None


def find_role(db: Session, name: str) -> Role | None:
    """Find a role by its name."""
    return db.get(Role, name)


def lock_role(db: Session, name: str) -> Role | None:
    """Lock a role: who holds it changes the role and its bindings alone."""
    return db.exec(select(Role).where(Role.name == name).with_for_update()).first()


def list_roles(db: Session, after: str | None, limit: int) -> list[Role]:
    """List roles by name."""
    wanted = select(Role)
    if after is not None:
        wanted = wanted.where(col(Role.name) > after)
    return list(db.exec(wanted.order_by(col(Role.name)).limit(limit)).all())


def has_bindings(db: Session, role: str) -> bool:
    """Say whether anybody has a role."""
    return db.exec(select(_id).where(RoleBinding.role == role).limit(1)).first() is not None


def find_binding(db: Session, binding_id: int) -> RoleBinding | None:
    """Find a binding by its id."""
    return db.get(RoleBinding, binding_id)


def list_bindings(db: Session, wanted: Wanted, limit: int) -> list[RoleBinding]:
    """List bindings, oldest first."""
    rows = select(RoleBinding).where(*_conditions(wanted))
    return list(db.exec(rows.order_by(_id).limit(limit)).all())


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.spaces is not None:
        conditions.append(_space.in_(wanted.spaces))
    if wanted.space is not None:
        conditions.append(_space == wanted.space)
    if wanted.role is not None:
        conditions.append(col(RoleBinding.role) == wanted.role)
    if wanted.principal is not None:
        conditions.append(col(RoleBinding.principal) == wanted.principal)
    if wanted.after is not None:
        conditions.append(_id > wanted.after)
    return conditions
