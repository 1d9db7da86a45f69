"""Reads and writes accounts and their role bindings."""

from sqlalchemy import delete
from sqlalchemy.dialects.mysql import insert
from sqlmodel import Session, col, func, select

from raworc_api.accounts.tables import Account, Role, RoleBinding

ADMIN = "admin"
_present = col(Account.deleted_at).is_(None)


def find_account(db: Session, name: str) -> Account | None:
    """Find an account by its name."""
    return db.exec(select(Account).where(Account.name == name, _present)).first()


def lock_account(db: Session, name: str) -> Account | None:
    """Lock an account, also one that was deleted."""
    return db.exec(select(Account).where(Account.name == name).with_for_update()).first()


def list_accounts(db: Session, after: str | None, limit: int) -> list[Account]:
    """List accounts by name."""
    wanted = select(Account).where(_present)
    if after is not None:
        wanted = wanted.where(col(Account.name) > after)
    return list(db.exec(wanted.order_by(col(Account.name)).limit(limit)).all())


def ensure_account(db: Session, account: Account) -> None:
    """Add an account unless there is one of its name, which two replicas may do at once."""
    row = insert(Account).values(**account.model_dump())
    db.connection().execute(row.on_duplicate_key_update(name=row.inserted.name))


def list_roles_of(db: Session, name: str) -> list[RoleBinding]:
    """List the bindings of an account."""
    wanted = select(RoleBinding).where(RoleBinding.principal == name)
    return list(db.exec(wanted.order_by(col(RoleBinding.id))).all())


def has_binding(db: Session, principal: str, role: str, space: str | None = None) -> bool:
    """Say whether a principal has a role in a space or (without one) in all."""
    mine = select(RoleBinding.id).where(
        RoleBinding.principal == principal,
        RoleBinding.role == role,
        col(RoleBinding.space).is_(None) if space is None else RoleBinding.space == space,
    )
    return db.exec(mine.limit(1)).first() is not None


def delete_bindings_of(db: Session, name: str) -> None:
    """Take all roles from an account."""
    db.connection().execute(delete(RoleBinding).where(col(RoleBinding.principal) == name))


def lock_admins(db: Session) -> None:
    """Keep others from making or unmaking administrators until the transaction ends."""
    db.exec(select(Role.name).where(Role.name == ADMIN).with_for_update()).first()


def count_admins(db: Session) -> int:
    """Count the active accounts that are administrators of all spaces."""
    admins = (
        select(func.count(func.distinct(Account.name)))
        .select_from(Account)
        .join(RoleBinding, col(RoleBinding.principal) == col(Account.name))
        .where(
            RoleBinding.role == ADMIN,
            col(RoleBinding.space).is_(None),
            col(Account.active),
            _present,
        )
    )
    return db.exec(admins).one()
