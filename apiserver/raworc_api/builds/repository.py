"""Reads the records of builds."""

from datetime import datetime

from sqlalchemy import tuple_
from sqlmodel import Session, col, select

from raworc_api.builds.tables import BuildRecord

_started = col(BuildRecord.started_at)
_id = col(BuildRecord.build_id)


def list_builds(
    db: Session, space: str, after: tuple[datetime, str] | None, limit: int
) -> list[BuildRecord]:
    """List the builds of a space, newest first."""
    wanted = select(BuildRecord).where(BuildRecord.space == space)
    if after is not None:
        wanted = wanted.where(tuple_(_started, _id) < after)
    return list(db.exec(wanted.order_by(_started.desc(), _id.desc()).limit(limit)).all())


def find_build(db: Session, space: str, build_id: str) -> BuildRecord | None:
    """Find the newest build of this id."""
    wanted = select(BuildRecord).where(BuildRecord.space == space, BuildRecord.build_id == build_id)
    return db.exec(wanted.order_by(_started.desc()).limit(1)).first()
