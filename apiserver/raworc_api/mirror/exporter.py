"""From records to custom resources: what a row of the outbox asks for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from raworc_api.core.database import Database
from raworc_api.core.wake import Bus
from raworc_api.mirror import outbox
from raworc_api.mirror.conditions import MirrorReason, not_mirrored
from raworc_api.mirror.kinds import Kind
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
# Below it a failure is likely the order of things: a space's namespace comes after the space.
_SILENT_ATTEMPTS = 5
_STALE_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """A record as it was read, apart from the database."""

    uid: str | None
    spec: dict[str, Any]
    base: dict[str, Any] | None
    metadata: Mapping[str, Mapping[str, str | None]]


class Exporter:
    """Brings the custom resource of one record after the other up to date."""

    def __init__(
        self,
        cluster: Cluster,
        database: Database,
        bus: Bus,
        kinds: Mapping[str, Kind[Any]],
        now: Callable[[], datetime],
    ) -> None:
        self._cluster = cluster
        self._database = database
        self._bus = bus
        self._kinds = kinds
        self._now = now

    def export(self, row: OutboxRow) -> bool:
        """Do what a row asks for; when it cannot be done now, say when to try again."""
        try:
            self._export(row)
        except InvalidObjectError as error:
            self._report(row, MirrorReason.REFUSED, error)
        except ForbiddenObjectError as error:
            # A quota may be raised, a role granted; so it is tried again all the same.
            self._report(row, MirrorReason.FORBIDDEN, error, delay=_delay(row.attempts))
        except ClusterError as error:
            reason = MirrorReason.NOT_APPLIED if row.attempts >= _SILENT_ATTEMPTS else None
            self._report(row, reason, error, delay=_delay(row.attempts))
        else:
            return True
        return False

    def _export(self, row: OutboxRow) -> None:
        kind, place = self._kinds[row.kind], outbox.key_of(row)
        with self._database() as db:
            record = kind.find(db, place)
            if record is None:
                outbox.drop(db, place)
                db.commit()
                return
            wanted = Wanted(record.uid, record.spec, record.applied_spec, kind.metadata(record))
            is_deleting = record.deleting
        if is_deleting:
            self._delete(kind, row, wanted.uid)
        else:
            self._apply(kind, row, wanted)

    def _delete(self, kind: Kind[Any], row: OutboxRow, uid: str | None) -> None:
        place = outbox.key_of(row)
        if not self._cluster.delete(kind.key(place), uid):
            # It is gone, or another object has its name by now: no event will tell us more.
            self.forget(kind, place, uid)
            return
        with self._database() as db:
            outbox.finish(db, row)
            db.commit()

    def _apply(self, kind: Kind[Any], row: OutboxRow, wanted: Wanted) -> None:
        place = outbox.key_of(row)
        if wanted.uid is None:
            live = self._cluster.apply(_manifest(kind, place, wanted))
            self._settle(kind, row, wanted, live)
            return
        try:
            live = self._update(kind, place, wanted)
        except ObjectNotFoundError:
            # Somebody deleted it; making it anew would undo that.
            self.forget(kind, place, wanted.uid)
            return
        self._settle(kind, row, wanted, live)

    @retry(
        retry=retry_if_exception_type(ObjectConflictError),
        stop=stop_after_attempt(_STALE_ATTEMPTS),
        reraise=True,
    )
    def _update(self, kind: Kind[Any], place: RecordKey, wanted: Wanted) -> Manifest:
        """Change what REST changed, and nothing that kubectl changed meanwhile."""
        key = kind.key(place)
        live = self._cluster.read(key)
        if live["metadata"]["uid"] != wanted.uid:
            raise ObjectNotFoundError(f"'{key.name}' is another object now.")
        patch = _patch(live, wanted)
        if not patch:
            return live
        # With it, the patch meets the object as it was read, or none.
        version = live["metadata"]["resourceVersion"]
        patch["metadata"] = {**patch.get("metadata", {}), "resourceVersion": version}
        return self._cluster.merge(key, patch)

    def _settle(self, kind: Kind[Any], row: OutboxRow, wanted: Wanted, live: Manifest) -> None:
        with self._database() as db:
            record = kind.find(db, outbox.key_of(row), lock=True)
            if record is None:
                return
            before = kind.visible(record)
            record.uid = live["metadata"]["uid"]
            record.generation = live["metadata"]["generation"]
            kind.set_mirrored(record, None)
            if outbox.finish(db, row):
                kind.take_spec(record, live["spec"], self._now())
                record.applied_spec = live["spec"]
            else:
                # It changed again meanwhile. What kubectl changed is found by the next merge,
                # which therefore starts from what we sent.
                record.applied_spec = wanted.spec
            self.commit(db, kind, record, before)

    def forget(self, kind: Kind[Any], place: RecordKey, uid: str | None) -> None:
        """Remove the record of an object that is gone, unless it has another object by now."""
        with self._database() as db:
            record = kind.find(db, place, lock=True)
            if record is None or record.uid != uid:
                return
            topic = kind.topic(record)
            kind.forget(db, record)
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
        kind, place = self._kinds[row.kind], outbox.key_of(row)
        with self._database() as db:
            record = kind.find(db, place, lock=True)
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


def _manifest(kind: Kind[Any], place: RecordKey, wanted: Wanted) -> Manifest:
    key = kind.key(place)
    marks = {
        field: {name: value for name, value in values.items() if value is not None}
        for field, values in wanted.metadata.items()
    }
    where = {} if key.namespace is None else {"namespace": key.namespace}
    return {
        "apiVersion": key.kind.api_version,
        "kind": key.kind.name,
        "metadata": {"name": key.name, **where, **marks},
        "spec": wanted.spec,
    }


def _patch(live: Manifest, wanted: Wanted) -> Manifest:
    marks = {
        field: changed
        for field, values in wanted.metadata.items()
        if (changed := _changed_marks(live["metadata"].get(field, {}), values))
    }
    spec = merge_patch(live["spec"], three_way_merge(wanted.base, wanted.spec, live["spec"]))
    parts = {"metadata": marks, "spec": spec}
    return {part: changed for part, changed in parts.items() if changed}


def _changed_marks(
    live: Mapping[str, str], wanted: Mapping[str, str | None]
) -> dict[str, str | None]:
    return {name: value for name, value in wanted.items() if live.get(name) != value}


def _delay(attempts: int) -> float:
    return min(_FIRST_DELAY * 2.0**attempts, _LONGEST_DELAY)
