"""From custom resources to records: what a watch tells."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from raworc_api.cluster import Cluster
from raworc_api.core.database import Database
from raworc_api.mirror import outbox
from raworc_api.mirror.exporter import Exporter
from raworc_api.mirror.kinds import Kind
from raworc_api.mirror.outbox import RecordKey
from raworc_api.mirror.session_kind import may_have_lost_its_host
from raworc_api.sessions.tables import SessionRecord
from raworc_kube.errors import ObjectNotFoundError
from raworc_kube.objects import Manifest

logger = logging.getLogger(__name__)


class _ReplacedError(Exception):
    """The event and the record speak of two objects, one after the other, of the same name."""


class Importer:
    """Takes into the records what happened to their custom resources."""

    def __init__(
        self,
        cluster: Cluster,
        database: Database,
        exporter: Exporter,
        kinds: Mapping[str, Kind[Any]],
        now: Callable[[], datetime],
    ) -> None:
        self._cluster = cluster
        self._database = database
        self._exporter = exporter
        self._kinds = kinds
        self._now = now

    def take(self, kind_name: str, manifest: Manifest) -> None:
        """Take in one object, as it was when the event was sent."""
        kind = self._kinds[kind_name]
        place = kind.place(manifest)
        if place is None:
            logger.info("%s is in no space's namespace.", _title(manifest))
            return
        self._export_first(place)
        try:
            self._take(kind, place, manifest)
        except _ReplacedError:
            self.look(place)

    def take_deleted(self, kind_name: str, manifest: Manifest) -> None:
        """Remove the record of an object that was deleted."""
        kind = self._kinds[kind_name]
        place = kind.place(manifest)
        if place is None:
            return
        with self._database() as db:
            record = kind.find(db, place)
        if record is None:
            return
        # Deleted before its uid was stored: the process was killed in between.
        is_unnamed = record.uid is None and record.deleting
        if is_unnamed or record.uid == manifest["metadata"]["uid"]:
            self._exporter.forget(kind, place, record.uid)

    def take_absences(self, kind_name: str, present: set[RecordKey]) -> None:
        """Look after the records whose objects a complete list does not have."""
        kind = self._kinds[kind_name]
        with self._database() as db:
            absent = [place for place in kind.places(db) if place not in present]
        for place in absent:
            # The list may be older than the object.
            self.look(place)

    def look(self, place: RecordKey) -> None:
        """Ask the cluster which object there is now, and bring the record to that."""
        kind = self._kinds[place.kind]
        with self._database() as db:
            record = kind.find(db, place)
        live = self._read(kind, place)
        if record is None or record.uid is None:
            return
        if live is None or live["metadata"]["uid"] != record.uid:
            self._exporter.forget(kind, place, record.uid)
            if live is not None:
                self._take(kind, place, live)

    def _read(self, kind: Kind[Any], place: RecordKey) -> Manifest | None:
        try:
            return self._cluster.read(kind.key(place))
        except ObjectNotFoundError:
            return None

    def _export_first(self, place: RecordKey) -> None:
        """Apply a change of ours that waits, so that the event can be told from it."""
        with self._database() as db:
            row = outbox.pending(db, place)
        if row is not None:
            self._exporter.export(row)

    def _take(self, kind: Kind[Any], place: RecordKey, manifest: Manifest) -> None:
        with self._database() as db:
            record = kind.find(db, place, lock=True)
            if record is None:
                record = self._new(db, kind, manifest)
                if record is None:
                    return
                before: object = None
            else:
                before = kind.visible(record)
                self._take_wishes(db, kind, place, record, manifest)
            kind.take_status(db, record, manifest, self._now())
            self._exporter.commit(db, kind, record, before)
        if isinstance(record, SessionRecord) and may_have_lost_its_host(record):
            self._check_host(kind, place, record)

    def _new(self, db: Session, kind: Kind[Any], manifest: Manifest) -> Any:  # noqa: ANN401 - a record of that kind
        if "deletionTimestamp" in manifest["metadata"]:
            return None
        record = kind.add(db, manifest, self._now())
        self._take_spec(kind, record, manifest)
        return record

    def _take_wishes(
        self,
        db: Session,
        kind: Kind[Any],
        place: RecordKey,
        record: Any,  # noqa: ANN401 - a record of that kind
        manifest: Manifest,
    ) -> None:
        """Take over a spec and a deletion that came by kubectl; not while our own change waits."""
        metadata = manifest["metadata"]
        is_waiting = outbox.pending(db, place) is not None
        if record.uid is None and not is_waiting:
            record.uid, record.generation = metadata["uid"], 0
        if record.uid not in {None, metadata["uid"]}:
            raise _ReplacedError
        if "deletionTimestamp" in metadata:
            record.deleting = True
        if not is_waiting and metadata["generation"] > record.generation:
            self._take_spec(kind, record, manifest)

    def _take_spec(self, kind: Kind[Any], record: Any, manifest: Manifest) -> None:  # noqa: ANN401 - a record of that kind
        kind.take_spec(record, manifest["spec"], self._now())
        kind.set_mirrored(record, None)
        record.applied_spec = manifest["spec"]
        record.generation = manifest["metadata"]["generation"]

    def _check_host(self, kind: Kind[Any], place: RecordKey, record: SessionRecord) -> None:
        """Take the host off a session whose pod is gone; the next pod claims the session anew."""
        key = kind.key(place)
        gone = record.host_pod_uid
        if self._cluster.running_pod_uid(str(key.namespace), key.name) == gone:
            return
        with self._database() as db:
            locked = kind.find(db, place, lock=True)
            if locked is None or locked.host_pod_uid != gone:
                return
            before = kind.visible(locked)
            locked.host_pod_uid = locked.host_state = None
            self._exporter.commit(db, kind, locked, before)


def _title(manifest: Manifest) -> str:
    metadata = manifest["metadata"]
    return f"{manifest.get('kind')} {metadata.get('namespace')}/{metadata['name']}"
