"""How a session is mirrored."""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, delete, null, true, tuple_, update
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from raworc_api.core.wake import session_topic
from raworc_api.messages.tables import MessageRecord
from raworc_api.mirror import outbox
from raworc_api.mirror.conditions import own_condition, with_mirrored
from raworc_api.mirror.outbox import RecordKey
from raworc_api.mirror.space_kind import KUBECTL, moment
from raworc_api.sessions.tables import SessionRecord
from raworc_api.spaces.tables import SpaceRecord
from raworc_crds import names
from raworc_crds.agent_session import SessionState
from raworc_crds.conditions import Status
from raworc_crds.group import HOST_ANNOTATION, SESSION_ID_LABEL
from raworc_crds.host_report import HostReport, HostState
from raworc_crds.wire import dump
from raworc_kube.objects import SESSION, Key, Manifest

_MAX_STATE = 16
_AT_WORK = {SessionState.IDLE, SessionState.BUSY}
_CHUNK = 500
# In one statement: a session's row is locked for no longer than these take.
_MESSAGES = 500

# What a record is without its object: as it was when REST made it.
_WITHOUT_OBJECT: Mapping[str, Any] = {
    "uid": None,
    "generation": 0,
    "applied_spec": null(),
    "status": null(),
    "conditions": [],
    "cr_state": None,
    "host_pod_uid": None,
    "host_state": None,
    "revision": SessionRecord.revision + 1,
}

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class SessionKind:
    """Mirrors the records of sessions as AgentSessions."""

    resource = SESSION

    def __init__(self, namespace_prefix: str) -> None:
        self._prefix = namespace_prefix

    def object_key(self, key: RecordKey) -> Key:
        """Name the object of a record."""
        namespace = names.space_namespace(key.space, self._prefix)
        return Key(self.resource, key.name, namespace)

    def record_key(self, manifest: Manifest) -> RecordKey | None:
        """Say which record an object belongs to: none outside of its space's namespace."""
        metadata = manifest["metadata"]
        space = manifest["spec"]["space"]
        if metadata["namespace"] != names.space_namespace(space, self._prefix):
            return None
        return RecordKey(self.resource.name, space, metadata["name"])

    def known(self, db: Session) -> dict[RecordKey, str]:
        """Return the records that have an object, with its uid; not those being deleted."""
        query = select(SessionRecord.space, SessionRecord.name, SessionRecord.uid).where(
            col(SessionRecord.uid).is_not(None), ~col(SessionRecord.deleting)
        )
        return {
            RecordKey(self.resource.name, space, name): str(uid)
            for space, name, uid in db.exec(query)
        }

    def unexplained(self, db: Session, missing: AbstractSet[RecordKey]) -> set[RecordKey]:
        """Return the missing sessions of spaces that nobody deleted."""
        query = select(SpaceRecord.name).where(~col(SpaceRecord.deleting))
        spaces = set(db.exec(query))
        return {key for key in missing if key.space in spaces}

    def reset(self, db: Session, keys: AbstractSet[RecordKey] | None) -> None:
        """Forget the objects and hosts of sessions, and ask for new objects."""
        for chosen in _chosen(keys):
            going = delete(SessionRecord).where(chosen, col(SessionRecord.deleting))
            db.connection().execute(going)
            stale = update(SessionRecord).where(chosen).values(_WITHOUT_OBJECT)
            db.connection().execute(stale)
            rows = sql_select(col(SessionRecord.space), col(SessionRecord.name)).where(chosen)
            outbox.request_each(db, self.resource.name, rows)

    def is_same(self, record: SessionRecord, manifest: Manifest) -> bool:
        """Say whether an object has the session's id, as one out of a backup has."""
        return names.session_id(manifest["metadata"]) == record.id

    def may_adopt(self, record: SessionRecord, manifest: Manifest) -> bool:
        """Say yes to the session's own id, and without one to the owner's: no volume of others."""
        if SESSION_ID_LABEL in (manifest["metadata"].get("labels") or {}):
            return self.is_same(record, manifest)
        return _creator(manifest) == record.created_by

    def find(self, db: Session, key: RecordKey, *, lock: bool = False) -> SessionRecord | None:
        """Find a record, and lock it if asked to."""
        query = select(SessionRecord).where(
            SessionRecord.space == key.space, SessionRecord.name == key.name
        )
        return db.exec(query.with_for_update() if lock else query).first()

    def metadata(self, record: SessionRecord) -> Mapping[str, Mapping[str, str | None]]:
        """Return the session's id."""
        return {
            "labels": {SESSION_ID_LABEL: record.id},
            "annotations": {HOST_ANNOTATION: None},
        }

    def status(self, record: SessionRecord, live: Manifest) -> Manifest:
        """Return what the host last reported, and with it the state between idle and busy.

        Any other change of the state is for the operator to decide, who also sees the pod.
        """
        known, report = live.get("status") or {}, _host_report(record)
        former = known.get("host")
        if report == former:
            return {}
        is_seen = report and former and report["podUid"] == former.get("podUid")
        if report and is_seen and {known.get("state"), report["state"]} <= _AT_WORK:
            return {"host": report, "state": report["state"]}
        return {"host": report}

    def add(self, db: Session, manifest: Manifest, now: datetime) -> SessionRecord:
        """Make the record of an AgentSession that came by kubectl; its spec is taken next."""
        metadata = manifest["metadata"]
        space, name = manifest["spec"]["space"], metadata["name"]
        record = SessionRecord(
            id=_new_id(db, metadata),
            space=space,
            name=name,
            uid=metadata["uid"],
            spec={},
            created_by=_creator(manifest),
            created_at=moment(metadata.get("creationTimestamp")) or now,
            last_activity_at=now,
        )
        db.add(record)
        if names.session_id(metadata) != record.id:
            # A copy that carries another session's id: its label is corrected.
            outbox.request(db, self.resource.name, space, name)
        return record

    def take_spec(self, record: SessionRecord, spec: dict[str, Any], now: datetime) -> None:
        """Take over the spec that the cluster has."""
        del now
        record.spec = spec
        record.closed = bool(spec.get("closed", False))
        record.agent = spec.get("agent")

    def take_status(
        self, db: Session, record: SessionRecord, manifest: Manifest, now: datetime
    ) -> None:
        """Take over what the operator saw."""
        del now
        status = manifest.get("status") or {}
        if status.get("host") != _host_report(record) and not record.deleting:
            # As after an upgrade from a version that reported elsewhere.
            outbox.report(db, self.resource.name, record.space, record.name)
        own = own_condition(record.conditions)
        record.status = status
        # A newer operator may know longer words than the column is wide.
        record.cr_state = str(status["state"])[:_MAX_STATE] if status.get("state") else None
        record.conditions = with_mirrored(status.get("conditions", []), own)

    def conditions(self, record: SessionRecord) -> list[dict[str, Any]]:
        """Return the conditions of a session, ours among them."""
        return record.conditions

    def set_mirrored(self, record: SessionRecord, condition: dict[str, Any] | None) -> None:
        """Set the condition that says why record and cluster differ, or take it away."""
        record.conditions = with_mirrored(record.conditions, condition)

    def forget(self, db: Session, record: SessionRecord) -> bool:
        """Remove a session's messages, so many at once, and with the last ones the session."""
        if _remove_messages(db, record.id):
            _hide(db, record)
            return False
        outbox.drop(db, RecordKey(self.resource.name, record.space, record.name))
        db.delete(record)
        return True

    def touch(self, record: SessionRecord) -> None:
        """Count a visible change, so that event streams show it."""
        record.revision += 1

    def visible(self, record: SessionRecord) -> object:
        """Return what event streams show of a session."""
        return (
            record.spec,
            record.cr_state,
            record.conditions,
            record.status,
            record.host_state,
            record.host_silent,
            record.deleting,
        )

    def topic(self, record: SessionRecord) -> str | None:
        """Name the topic on which changes of a session are announced."""
        return session_topic(record.id)


def may_have_lost_its_host(record: SessionRecord) -> bool:
    """Say whether the operator's view makes it worth looking if the host's pod is still there."""
    if record.host_pod_uid is None:
        return False
    status = record.status or {}
    is_ready = any(
        condition.get("type") == "PodReady" and condition.get("status") == Status.TRUE
        for condition in record.conditions
    )
    return record.cr_state == SessionState.CLOSED or not status.get("podName") or not is_ready


def _remove_messages(db: Session, session_id: str) -> bool:
    """Remove some messages of a session; say whether there may be more."""
    some = delete(MessageRecord).where(col(MessageRecord.session_id) == session_id)
    removed: CursorResult[Any] = db.connection().execute(
        some.with_dialect_options(mysql_limit=_MESSAGES)
    )
    return removed.rowcount == _MESSAGES


def _hide(db: Session, record: SessionRecord) -> None:
    """Show a session that goes in parts to nobody; its row has the rest removed after a break."""
    if not record.deleting:
        record.deleting = True
        record.revision += 1
        outbox.request(db, SESSION.name, record.space, record.name)


def _creator(manifest: Manifest) -> str:
    return manifest["spec"].get("owner") or KUBECTL


def _host_report(record: SessionRecord) -> Manifest | None:
    if record.host_pod_uid is None or record.host_state is None:
        return None
    state = HostState.SILENT if record.host_silent else record.host_state
    return dump(HostReport(pod_uid=record.host_pod_uid, state=state))


def _chosen(keys: AbstractSet[RecordKey] | None) -> Iterator[ColumnElement[bool]]:
    """Choose records in SQL, in statements of bearable size."""
    if keys is None:
        yield true()
        return
    pairs = sorted((key.space, key.name) for key in keys)
    place = tuple_(col(SessionRecord.space), col(SessionRecord.name))
    for start in range(0, len(pairs), _CHUNK):
        yield place.in_(pairs[start : start + _CHUNK])


def _new_id(db: Session, metadata: Mapping[str, Any]) -> str:
    """Take the labelled id if it can be one and nobody has it: a copied file brings its label."""
    labelled = names.session_id(metadata)
    if _UUID.fullmatch(labelled) and db.get(SessionRecord, labelled) is None:
        return labelled
    return str(metadata["uid"])
