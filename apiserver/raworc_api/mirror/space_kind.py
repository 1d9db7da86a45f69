"""How a space is mirrored."""

import logging
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import delete, update
from sqlalchemy.dialects.mysql import insert
from sqlmodel import Session, col, select

from raworc_api.accounts.tables import RoleBinding
from raworc_api.builds.tables import BuildRecord
from raworc_api.mirror import outbox
from raworc_api.mirror.conditions import own_condition, with_mirrored
from raworc_api.mirror.outbox import RecordKey
from raworc_api.sessions.tables import SessionRecord
from raworc_api.spaces.tables import SpaceRecord
from raworc_crds.names import image_repository
from raworc_crds.space import Build, BuildState, SpaceStatus
from raworc_kube.objects import SESSION, SPACE, Key, Manifest

KUBECTL = "kubectl"

logger = logging.getLogger(__name__)


class SpaceKind:
    """Mirrors the records of spaces as Spaces."""

    resource = SPACE

    def object_key(self, key: RecordKey) -> Key:
        """Name the object of a record."""
        return Key(self.resource, key.name)

    def record_key(self, manifest: Manifest) -> RecordKey | None:
        """Say which record an object belongs to."""
        name = manifest["metadata"]["name"]
        return RecordKey(self.resource.name, name, name)

    def known(self, db: Session) -> dict[RecordKey, str]:
        """Return the records that have an object, with its uid; not those being deleted."""
        query = select(SpaceRecord.name, SpaceRecord.uid).where(
            col(SpaceRecord.uid).is_not(None), ~col(SpaceRecord.deleting)
        )
        return {RecordKey(self.resource.name, name, name): str(uid) for name, uid in db.exec(query)}

    def unexplained(self, db: Session, missing: AbstractSet[RecordKey]) -> set[RecordKey]:
        """Return all of the missing Spaces: nothing takes a Space with it."""
        del db
        return set(missing)

    def reset(self, db: Session, keys: AbstractSet[RecordKey] | None) -> None:
        """Forget the objects of spaces, and ask for new ones."""
        for record in db.exec(select(SpaceRecord).with_for_update()).all():
            if keys is not None and self._record_key(record) not in keys:
                continue
            if record.deleting:
                self.forget(db, record)
                continue
            record.uid = record.applied_spec = record.status = None
            record.generation = 0
            outbox.request(db, *self._record_key(record))

    def is_same(self, record: SpaceRecord, manifest: Manifest) -> bool:
        """Say no: a Space carries nothing by which it can be told from another of its name."""
        del record, manifest
        return False

    def may_adopt(self, record: SpaceRecord, manifest: Manifest) -> bool:
        """Say yes: there is one Space of a name, and only administrators make Spaces."""
        del record, manifest
        return True

    def find(self, db: Session, key: RecordKey, *, lock: bool = False) -> SpaceRecord | None:
        """Find a record, and lock it if asked to."""
        query = select(SpaceRecord).where(SpaceRecord.name == key.name)
        return db.exec(query.with_for_update() if lock else query).first()

    def metadata(self, record: SpaceRecord) -> Mapping[str, Mapping[str, str | None]]:
        """Return nothing: a Space carries no mark of the API."""
        del record
        return {}

    def status(self, record: SpaceRecord, live: Manifest) -> Manifest:
        """Return nothing: all of a Space's status is the operator's."""
        del record, live
        return {}

    def add(self, db: Session, manifest: Manifest, now: datetime) -> SpaceRecord:
        """Make the record of a Space that came by kubectl; its spec is taken next."""
        metadata = manifest["metadata"]
        record = SpaceRecord(
            name=metadata["name"],
            uid=metadata["uid"],
            spec={},
            version=0,
            created_by=KUBECTL,
            created_at=moment(metadata.get("creationTimestamp")) or now,
            updated_at=now,
        )
        db.add(record)
        return record

    def take_spec(self, record: SpaceRecord, spec: dict[str, Any], now: datetime) -> None:
        """Take over the spec that the cluster has."""
        if record.spec == spec and record.version > 0:
            return
        record.spec = spec
        record.description = spec.get("description")
        record.version += 1
        record.updated_at = now

    def take_status(
        self, db: Session, record: SpaceRecord, manifest: Manifest, now: datetime
    ) -> None:
        """Take over what the operator saw; a new build is recorded."""
        del now
        status = manifest.get("status") or {}
        own = own_condition((record.status or {}).get("conditions", []))
        conditions = with_mirrored(status.get("conditions", []), own)
        taken = {**status, "conditions": conditions} if conditions else status
        if record.status == taken:
            return
        record.status = taken
        build = _newest_build(record.name, status)
        if build is not None:
            _record_build(db, record.name, build)
        # A session waits for its space's namespace, for one.
        outbox.hurry(db, SESSION.name, record.name)

    def conditions(self, record: SpaceRecord) -> list[dict[str, Any]]:
        """Return the conditions of a space, ours among them."""
        return (record.status or {}).get("conditions") or []

    def set_mirrored(self, record: SpaceRecord, condition: dict[str, Any] | None) -> None:
        """Set the condition that says why record and cluster differ, or take it away."""
        status = record.status or {}
        conditions = with_mirrored(status.get("conditions", []), condition)
        if conditions != status.get("conditions", []):
            record.status = {**status, "conditions": conditions}

    def forget(self, db: Session, record: SpaceRecord) -> bool:
        """Remove a space with its builds and bindings.

        Its sessions go as their own objects do; those that never had one go with it.
        """
        name = record.name
        outbox.drop(db, RecordKey(self.resource.name, name, name))
        for statement in (
            delete(BuildRecord).where(col(BuildRecord.space) == name),
            delete(RoleBinding).where(col(RoleBinding.space) == name),
            delete(SessionRecord).where(
                col(SessionRecord.space) == name, col(SessionRecord.uid).is_(None)
            ),
        ):
            db.connection().execute(statement)
        db.delete(record)
        return True

    def touch(self, record: SpaceRecord) -> None:
        """Count nothing: the version of a space counts changes of its spec."""

    def visible(self, record: SpaceRecord) -> object:
        """Return what sessions of the space may wait for."""
        return record.status

    def topic(self, record: SpaceRecord) -> str | None:
        """Name the outbox's own topic: rows of the space's sessions may be due now."""
        del record
        return outbox.TOPIC

    def _record_key(self, record: SpaceRecord) -> RecordKey:
        return RecordKey(self.resource.name, record.name, record.name)


def moment(text: str | None) -> datetime | None:
    """Read a time as Kubernetes writes it."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _newest_build(space: str, status: dict[str, Any]) -> Build | None:
    try:
        return SpaceStatus.model_validate(status).build
    except ValidationError as error:
        logger.warning("The status of space '%s' cannot be parsed: %s", space, error)
        return None


def _record_build(db: Session, space: str, build: Build) -> None:
    started_at = moment(build.start_time)
    if started_at is None:
        return
    failure = {"reason": build.reason, "message": build.message}
    facts = {
        "status": str(build.state),
        "image_tag": f"{image_repository(space)}:{build.id}",
        "completed_at": moment(build.completion_time),
        "agents": [{"name": agent.name, "commit": agent.commit} for agent in build.agents],
        "error": failure if build.reason or build.message else None,
    }
    _end_builds_before(db, space, started_at)
    row = insert(BuildRecord).values(space=space, build_id=build.id, started_at=started_at, **facts)
    db.connection().execute(row.on_duplicate_key_update(facts))


def _end_builds_before(db: Session, space: str, started_at: datetime) -> None:
    """End older builds in the records: the status tells of the newest only."""
    is_left = (
        col(BuildRecord.space) == space,
        col(BuildRecord.started_at) < started_at,
        col(BuildRecord.status).in_([BuildState.PENDING, BuildState.BUILDING]),
    )
    ended = {
        "status": str(BuildState.FAILED),
        "completed_at": started_at,
        "error": {"reason": "Superseded", "message": "A newer build took its place."},
    }
    db.connection().execute(update(BuildRecord).where(*is_left).values(ended))
