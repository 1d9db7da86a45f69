"""Reads and writes the records of spaces."""

from sqlmodel import Session, col, select

from raworc_api.spaces.tables import SpaceRecord


def find_space(db: Session, name: str) -> SpaceRecord | None:
    """Find a space that is not being deleted."""
    return db.exec(
        select(SpaceRecord).where(SpaceRecord.name == name, ~col(SpaceRecord.deleting))
    ).first()


def share_space(db: Session, name: str) -> SpaceRecord | None:
    """Find a space, and keep it from being changed or deleted until the transaction ends."""
    wanted = select(SpaceRecord).where(SpaceRecord.name == name, ~col(SpaceRecord.deleting))
    return db.exec(wanted.with_for_update(read=True)).first()


def lock_space(db: Session, name: str) -> SpaceRecord | None:
    """Lock a space, also one that is being deleted."""
    return db.exec(select(SpaceRecord).where(SpaceRecord.name == name).with_for_update()).first()


def list_spaces(
    db: Session, names: frozenset[str] | None, after: str | None, limit: int
) -> list[SpaceRecord]:
    """List spaces by name; ``names`` are those that the caller may see, ``None`` means all."""
    wanted = select(SpaceRecord).where(~col(SpaceRecord.deleting))
    if names is not None:
        wanted = wanted.where(col(SpaceRecord.name).in_(names))
    if after is not None:
        wanted = wanted.where(col(SpaceRecord.name) > after)
    return list(db.exec(wanted.order_by(col(SpaceRecord.name)).limit(limit)).all())
