"""From records to custom resources: what a row of the outbox asks for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlmodel import Session
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from raworc_api.core.database import Database
from raworc_api.core.wake import Bus
from raworc_api.mirror import outbox
from raworc_api.mirror.conditions import MirrorReason, not_mirrored
from raworc_api.mirror.identity import Identity, IdentityGuard
from raworc_api.mirror.kinds import Kind, Record
from raworc_api.mirror.outbox import RecordKey
from raworc_api.mirror.tables import OutboxRow
from raworc_kube.client import Cluster
from raworc_kube.errors import (
    ClusterError,
    ForbiddenObjectError,
    InvalidObjectError,
    ObjectConflictError,
    ObjectNotFoundError,
)
from raworc_kube.objects import Manifest
from raworc_kube.patches import merge_patch, three_way_merge

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 30.0
_DELETION_SECONDS = 30.0
# Below it a failure is likely the order of things: a space's namespace comes after the space.
_SILENT_ATTEMPTS = 5
_STALE_ATTEMPTS = 5


class NameTakenError(ClusterError):
    """The name of a record that has no object yet is that of somebody else's object."""


@dataclass(frozen=True, slots=True)
class RecordSnapshot:
    """A record as it was read, apart from the database, and the row that was read with it."""

    row: OutboxRow
    record: Record
    metadata: Mapping[str, Mapping[str, str | None]]
    # From the object as it is in the cluster, to the patch of its status.
    status: Callable[[Manifest], Manifest]
    identity: Identity | None


class Exporter:
    """Brings the custom resource of one record after the other up to date."""

    def __init__(
        self,
        cluster: Cluster,
        database: Database,
        bus: Bus,
        kinds: Mapping[str, Kind[Any]],
        guard: IdentityGuard,
        now: Callable[[], datetime],
    ) -> None:
        self._cluster = cluster
        self._database = database
        self._bus = bus
        self._kinds = kinds
        self._guard = guard
        self._now = now

    def export(self, key: RecordKey, *, with_report: bool = True) -> Manifest | None:
        """Do what the row of a record asks for; when it cannot be done now, say when to retry.

        Without ``with_report``, a row that only reports on the host is left for its time. Returns
        somebody else's object whose name the record had, if that is free for it now.
        """
        kind = self._kinds[key.kind]
        snapshot = self._read(kind, key)
        if snapshot is None or (snapshot.row.is_report and not with_report):
            return None
        row = snapshot.row
        try:
            if snapshot.record.deleting:
                return self._delete(kind, key, snapshot)
            self._apply(kind, key, snapshot)
        except NameTakenError as error:
            self._report(row, MirrorReason.NAME_TAKEN, error, delay=_delay(row.attempts))
        except InvalidObjectError as error:
            self._report(row, MirrorReason.REFUSED, error)
        except ForbiddenObjectError as error:
            # A quota may be raised, a role granted; so it is tried again all the same.
            self._report(row, MirrorReason.FORBIDDEN, error, delay=_delay(row.attempts))
        except ClusterError as error:
            reason = MirrorReason.NOT_APPLIED if row.attempts >= _SILENT_ATTEMPTS else None
            self._report(row, reason, error, delay=_delay(row.attempts))
        return None

    def postpone(self, key: RecordKey) -> None:
        """Try the row of a record again later, whatever is wrong with it."""
        with self._database() as db:
            row = outbox.pending(db, key)
            if row is not None:
                outbox.postpone(db, row, _delay(row.attempts))
                db.commit()

    def _read(self, kind: Kind[Any], key: RecordKey) -> RecordSnapshot | None:
        with self._database() as db:
            row = outbox.pending(db, key)
            if row is None:
                return None
            record = kind.find(db, key)
            if record is None:
                outbox.drop(db, key)
                db.commit()
                return None
            marks, status = kind.metadata(record), partial(kind.status, record)
            return RecordSnapshot(row, record, marks, status, self._guard.listed)

    def _delete(self, kind: Kind[Any], key: RecordKey, snapshot: RecordSnapshot) -> Manifest | None:
        uid = snapshot.record.uid
        if uid is None:
            # Killed before it stored the uid, a mirror may have made the object all the same.
            live = self._cluster.find(kind.object_key(key))
            if live is None or not kind.is_same(snapshot.record, live):
                self.forget(kind, key, None)
                return live
            uid = live["metadata"]["uid"]
        if not self._cluster.delete(kind.object_key(key), uid):
            # It is gone, or another object has its name by now: no event will tell us more.
            self.forget(kind, key, snapshot.record.uid)
            return None
        with self._database() as db:
            # The event that the object is gone ends this. Should nobody hear it, the row is left.
            outbox.look_again(db, snapshot.row, _DELETION_SECONDS)
            db.commit()
        return None

    def _apply(self, kind: Kind[Any], key: RecordKey, snapshot: RecordSnapshot) -> None:
        make = self._create if snapshot.record.uid is None else self._update
        live = make(kind, key, snapshot)
        if patch := snapshot.status(live):
            self._cluster.patch_status(live, patch)
        self._settle(kind, key, snapshot, live)

    def _create(self, kind: Kind[Any], key: RecordKey, snapshot: RecordSnapshot) -> Manifest:
        try:
            return self._cluster.create(_manifest(kind, key, snapshot))
        except ObjectConflictError:
            # Kubectl was first, or a mirror that was killed before it stored the uid.
            return self._update(kind, key, snapshot)

    @retry(
        retry=retry_if_exception_type(ObjectConflictError),
        stop=stop_after_attempt(_STALE_ATTEMPTS),
        reraise=True,
    )
    def _update(self, kind: Kind[Any], key: RecordKey, snapshot: RecordSnapshot) -> Manifest:
        """Change what REST changed, and nothing that kubectl changed meanwhile.

        When the object is gone, the row waits: making it anew could undo what somebody deleted,
        and whether somebody did is for the watch to find out.
        """
        live = self._cluster.read(kind.object_key(key))
        uid = snapshot.record.uid
        if uid is None and not kind.may_adopt(snapshot.record, live):
            raise NameTakenError(f"Somebody else made the {key} in the cluster.")
        if uid not in {None, live["metadata"]["uid"]}:
            raise ObjectNotFoundError(f"{key} is another object now.")
        patch = _patch(live, snapshot)
        if not patch:
            return live
        # With it, the patch meets the object as it was read, or none.
        version = live["metadata"]["resourceVersion"]
        patch["metadata"] = {**patch.get("metadata", {}), "resourceVersion": version}
        return self._cluster.merge(kind.object_key(key), patch)

    def _settle(
        self, kind: Kind[Any], key: RecordKey, snapshot: RecordSnapshot, live: Manifest
    ) -> None:
        with self._database() as db:
            record = kind.find(db, key, lock=True)
            if record is None or self._guard.listed != snapshot.identity:
                # Gone, or the object is one of the cluster before: another is asked for already.
                return
            before = kind.visible(record)
            record.uid = live["metadata"]["uid"]
            record.generation = live["metadata"]["generation"]
            kind.set_mirrored(record, None)
            if outbox.finish(db, snapshot.row):
                kind.take_spec(record, live["spec"], self._now())
                record.applied_spec = live["spec"]
            else:
                # It changed again meanwhile. What kubectl changed is found by the next merge,
                # which therefore starts from what we sent.
                record.applied_spec = snapshot.record.spec
            self.commit(db, kind, record, before)

    def forget(self, kind: Kind[Any], key: RecordKey, uid: str | None) -> None:
        """Remove the record of an object that is gone, unless it has another object by now.

        What belongs to it goes before it and in parts: ten thousand messages in one statement
        would hold the database for seconds, and many more would never be gone within its time.
        """
        is_gone = False
        while not is_gone:
            with self._database() as db:
                record = kind.find(db, key, lock=True)
                if record is None or record.uid != uid:
                    return
                topic = kind.topic(record)
                is_gone = kind.forget(db, record)
                db.commit()
        if topic is not None:
            self._bus.publish(topic)

    def commit(self, db: Session, kind: Kind[Any], record: Any, before: object) -> None:  # noqa: ANN401 - a record of that kind
        """Commit, and wake whoever waits if there is something new to be seen."""
        topic = None
        if kind.visible(record) != before:
            kind.touch(record)
            topic = kind.topic(record)
        db.commit()
        if topic is not None:
            self._bus.publish(topic)

    def _report(
        self,
        row: OutboxRow,
        reason: MirrorReason | None,
        error: ClusterError,
        *,
        delay: float | None = None,
    ) -> None:
        """Say in the record why it is not applied, and try again after ``delay`` or never."""
        kind, key = self._kinds[row.kind], outbox.key_of(row)
        with self._database() as db:
            record = kind.find(db, key, lock=True)
            if record is None:
                return
            before = kind.visible(record)
            if reason is not None:
                kind.set_mirrored(record, not_mirrored(reason, str(error), self._now()))
            if delay is None:
                outbox.finish(db, row)
            else:
                outbox.postpone(db, row, delay)
            self.commit(db, kind, record, before)


def _manifest(kind: Kind[Any], key: RecordKey, snapshot: RecordSnapshot) -> Manifest:
    object_key = kind.object_key(key)
    marks = {
        field: {name: value for name, value in values.items() if value is not None}
        for field, values in snapshot.metadata.items()
    }
    where = {} if object_key.namespace is None else {"namespace": object_key.namespace}
    return {
        "apiVersion": object_key.kind.api_version,
        "kind": object_key.kind.name,
        "metadata": {"name": object_key.name, **where, **marks},
        "spec": snapshot.record.spec,
    }


def _patch(live: Manifest, snapshot: RecordSnapshot) -> Manifest:
    marks = {
        field: changed
        for field, values in snapshot.metadata.items()
        if (changed := _changed_marks(live["metadata"].get(field, {}), values))
    }
    record = snapshot.record
    merged = three_way_merge(record.applied_spec, record.spec, live["spec"])
    parts = {"metadata": marks, "spec": merge_patch(live["spec"], merged)}
    return {part: changed for part, changed in parts.items() if changed}


def _changed_marks(
    live: Mapping[str, str], wanted: Mapping[str, str | None]
) -> dict[str, str | None]:
    return {name: value for name, value in wanted.items() if live.get(name) != value}


def _delay(attempts: int) -> float:
    return min(_FIRST_DELAY * 2.0**attempts, _LONGEST_DELAY)
