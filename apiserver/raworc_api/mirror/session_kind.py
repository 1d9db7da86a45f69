"""How a session is mirrored."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from raworc_api.core.wake import session_topic
from raworc_api.mirror import outbox
from raworc_api.mirror.conditions import own_condition, with_mirrored
from raworc_api.mirror.outbox import RecordKey
from raworc_api.mirror.space_kind import KUBECTL, moment
from raworc_api.sessions.tables import SessionRecord
from raworc_crds import names
from raworc_crds.agent_session import SessionState
from raworc_crds.conditions import Status
from raworc_crds.group import HOST_ANNOTATION, SESSION_ID_LABEL
from raworc_crds.host_report import HostReport, HostState
from raworc_kube.objects import SESSION, Key, Manifest

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class SessionKind:
    """Mirrors the records of sessions as AgentSessions."""

    resource = SESSION

    def __init__(self, namespace_prefix: str) -> None:
        self._prefix = namespace_prefix

    def key(self, place: RecordKey) -> Key:
        """Name the object of a record."""
        namespace = names.space_namespace(place.space, self._prefix)
        return Key(self.resource, place.name, namespace)

    def place(self, manifest: Manifest) -> RecordKey | None:
        """Say which record an object belongs to: none, unless it lies in its space's namespace."""
        metadata = manifest["metadata"]
        space = manifest["spec"]["space"]
        if metadata["namespace"] != names.space_namespace(space, self._prefix):
            return None
        return RecordKey(self.resource.name, space, metadata["name"])

    def places(self, db: Session) -> list[RecordKey]:
        """List the records that have an object."""
        query = select(SessionRecord.space, SessionRecord.name)
        found = db.exec(query.where(col(SessionRecord.uid).is_not(None)))
        return [RecordKey(self.resource.name, space, name) for space, name in found]

    def find(self, db: Session, place: RecordKey, *, lock: bool = False) -> SessionRecord | None:
        """Find a record, and lock it if asked to."""
        query = select(SessionRecord).where(
            SessionRecord.space == place.space, SessionRecord.name == place.name
        )
        return db.exec(query.with_for_update() if lock else query).first()

    def metadata(self, record: SessionRecord) -> Mapping[str, Mapping[str, str | None]]:
        """Return the session's id, and what its host last reported."""
        return {
            "labels": {SESSION_ID_LABEL: record.id},
            "annotations": {HOST_ANNOTATION: _host_report(record)},
        }

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
            created_by=manifest["spec"].get("owner") or KUBECTL,
            created_at=moment(metadata.get("creationTimestamp")) or now,
            last_activity_at=now,
        )
        db.add(record)
        if names.session_id(metadata) != record.id:
            # A copy that carries another session's id: its label is corrected.
            outbox.request(db, self.resource.name, space, name)
        return record

    def take_spec(self, record: SessionRecord, spec: dict[str, Any], now: datetime) -> None:
        """Take over what is wanted, as it stands in the cluster."""
        del now
        record.spec = spec
        record.closed = bool(spec.get("closed", False))
        record.agent = spec.get("agent")

    def take_status(
        self, db: Session, record: SessionRecord, manifest: Manifest, now: datetime
    ) -> None:
        """Take over what the operator saw."""
        del db, now
        status = manifest.get("status") or {}
        own = own_condition(record.conditions)
        record.status = status
        record.cr_state = status.get("state")
        record.conditions = with_mirrored(status.get("conditions", []), own)

    def set_mirrored(self, record: SessionRecord, condition: dict[str, Any] | None) -> None:
        """Set the condition that says why the record is not in the cluster, or take it away."""
        record.conditions = with_mirrored(record.conditions, condition)

    def forget(self, db: Session, record: SessionRecord) -> None:
        """Remove a session; the database removes its messages with it."""
        outbox.drop(db, RecordKey(self.resource.name, record.space, record.name))
        db.delete(record)

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


def _host_report(record: SessionRecord) -> str | None:
    if record.host_pod_uid is None or record.host_state is None:
        return None
    return HostReport(record.host_pod_uid, HostState(record.host_state)).render()


def _new_id(db: Session, metadata: Mapping[str, Any]) -> str:
    """Take the labelled id if it can be one and nobody has it: a copied file brings its label."""
    labelled = names.session_id(metadata)
    if _UUID.fullmatch(labelled) and db.get(SessionRecord, labelled) is None:
        return labelled
    return str(metadata["uid"])
