"""From custom resources to records: what a watch or a list showed.

An event says how an object was when it was sent, which may be long ago. Three questions are asked
before a record follows:

* *Is it news?* A change of ours that waits in the outbox is applied first; then the event is either
  older than what the cluster answered (its generation is not newer) or tells what kubectl changed.
  While the change cannot be applied, only the status is taken (``docs/decisions/0001``).
* *Is it about this object?* Record and event may speak of two objects, one after the other, of one
  name. Then the cluster is asked which there is now (``_look``). A new object that carries the
  session's id is the same session, out of somebody's backup; any other is a new session, and the
  record of the old one goes with its messages.
* *Is it a deletion that somebody wished?* When a definition is deleted, its objects are deleted
  one by one, too. No deletion is believed unless the definitions were the same, and were not being
  deleted, after the event was received (``mirror.identity``, ``docs/decisions/0022``).

The work queue sees to it that nobody else works on the record meanwhile; REST does, so each change
is made under the row's lock, and nothing is remembered from before it was taken.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from raworc_api.cluster import Cluster
from raworc_api.core.database import Database
from raworc_api.mirror import outbox
from raworc_api.mirror.conditions import MirrorReason, is_missing, not_mirrored
from raworc_api.mirror.exporter import Exporter
from raworc_api.mirror.identity import IdentityGuard
from raworc_api.mirror.kinds import Kind
from raworc_api.mirror.outbox import RecordKey
from raworc_api.mirror.queue import Absence, ObjectEvent
from raworc_api.mirror.session_kind import may_have_lost_its_host
from raworc_api.sessions.tables import SessionRecord
from raworc_kube.objects import Manifest, is_going

_MISSING = (
    "The object is missing from the cluster, like many others. The record is kept until an "
    "administrator of the cluster decides; the log of the API server names the commands."
)

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
        guard: IdentityGuard,
        now: Callable[[], datetime],
    ) -> None:
        self._cluster = cluster
        self._database = database
        self._exporter = exporter
        self._kinds = kinds
        self._guard = guard
        self._now = now

    def take(self, key: RecordKey, event: ObjectEvent) -> None:
        """Take in one object, as it was when the event was sent."""
        if is_going(event.manifest) and not self._is_believed(key, event):
            return
        kind = self._kinds[key.kind]
        # Apply a change of ours that waits, so that the event can be told from it.
        self._exporter.export(key, with_report=False)
        try:
            self._take(kind, key, event.manifest)
        except _ReplacedError:
            self._look(kind, key, event)

    def take_freed(self, key: RecordKey, manifest: Manifest) -> None:
        """Take in an object whose name a record without an object had until now."""
        self._take(self._kinds[key.kind], key, manifest)

    def take_deleted(self, key: RecordKey, event: ObjectEvent) -> None:
        """Remove the record of an object that was deleted."""
        kind = self._kinds[key.kind]
        with self._database() as db:
            record = kind.find(db, key)
        if record is None or not self._is_believed(key, event):
            return
        # Deleted before its uid was stored: the process was killed in between.
        is_unnamed = record.uid is None and record.deleting
        if is_unnamed or record.uid == event.manifest["metadata"]["uid"]:
            self._exporter.forget(kind, key, record.uid)

    def check_absence(self, key: RecordKey, absence: Absence) -> None:
        """Remove the record of an object that a list did not have, unless it exists now."""
        kind = self._kinds[key.kind]
        if self._cluster.find(kind.object_key(key)) is not None:
            return
        # An object whose definition went is not found either.
        if self._guard.confirms_now(absence.identity):
            self._exporter.forget(kind, key, absence.uid)

    def show_absence(self, key: RecordKey, uid: str) -> None:
        """Say in the record that its object is missing, and that nothing is done about it."""
        kind = self._kinds[key.kind]
        with self._database() as db:
            record = kind.find(db, key, lock=True)
            if record is None or record.uid != uid:
                return
            before = kind.visible(record)
            condition = not_mirrored(MirrorReason.MISSING, _MISSING, self._now())
            kind.set_mirrored(record, condition)
            self._exporter.commit(db, kind, record, before)

    def _is_believed(self, key: RecordKey, event: ObjectEvent) -> bool:
        if self._guard.confirms(event.identity, event.received_at):
            return True
        logger.info("The deletion of %s came with that of its definition, and is ignored.", key)
        return False

    def _look(self, kind: Kind[Any], key: RecordKey, event: ObjectEvent) -> None:
        """Ask the cluster which object there is now, and bring the record to that."""
        with self._database() as db:
            record = kind.find(db, key)
        live = self._cluster.find(kind.object_key(key))
        if record is None or record.uid is None or not self._is_believed(key, event):
            return
        if live is not None and live["metadata"]["uid"] == record.uid:
            return
        if live is not None and kind.is_same(record, live):
            self._adopt(kind, key, record.uid)
        else:
            self._exporter.forget(kind, key, record.uid)
        if live is not None:
            self._take(kind, key, live)

    def _adopt(self, kind: Kind[Any], key: RecordKey, uid: str) -> None:
        """Let go of an object that is gone, but keep the record for the one in its place."""
        with self._database() as db:
            record = kind.find(db, key, lock=True)
            if record is not None and record.uid == uid:
                record.uid = None
                db.commit()

    def _take(self, kind: Kind[Any], key: RecordKey, manifest: Manifest) -> None:
        with self._database() as db:
            record = kind.find(db, key, lock=True)
            if record is None:
                record = self._new(db, kind, manifest)
                if record is None:
                    return
                before: object = None
            elif record.uid is None and not kind.may_adopt(record, manifest):
                return  # somebody else's; the exporter says so in the record
            else:
                before = kind.visible(record)
                self._take_wishes(db, kind, key, record, manifest)
            kind.take_status(db, record, manifest, self._now())
            self._exporter.commit(db, kind, record, before)
        if isinstance(record, SessionRecord) and may_have_lost_its_host(record):
            self._check_host(kind, key, record)

    def _new(self, db: Session, kind: Kind[Any], manifest: Manifest) -> Any:  # noqa: ANN401 - a record of that kind
        if is_going(manifest):
            return None
        record = kind.add(db, manifest, self._now())
        self._take_spec(kind, record, manifest)
        return record

    def _take_wishes(
        self,
        db: Session,
        kind: Kind[Any],
        key: RecordKey,
        record: Any,  # noqa: ANN401 - a record of that kind
        manifest: Manifest,
    ) -> None:
        """Take over a spec and a deletion that came by kubectl; not while our own change waits."""
        metadata = manifest["metadata"]
        is_waiting = outbox.pending(db, key) is not None
        if record.uid is None and not is_waiting:
            record.uid, record.generation = metadata["uid"], 0
        if record.uid not in {None, metadata["uid"]}:
            raise _ReplacedError
        if is_going(manifest):
            record.deleting = True
        if is_missing(kind.conditions(record)):
            kind.set_mirrored(record, None)
        if not is_waiting and metadata["generation"] > record.generation:
            self._take_spec(kind, record, manifest)

    def _take_spec(self, kind: Kind[Any], record: Any, manifest: Manifest) -> None:  # noqa: ANN401 - a record of that kind
        kind.take_spec(record, manifest["spec"], self._now())
        kind.set_mirrored(record, None)
        record.applied_spec = manifest["spec"]
        record.generation = manifest["metadata"]["generation"]

    def _check_host(self, kind: Kind[Any], key: RecordKey, record: SessionRecord) -> None:
        """Take the host off a session whose pod is gone; the next pod claims the session anew."""
        object_key = kind.object_key(key)
        gone = record.host_pod_uid
        if self._cluster.running_pod_uid(str(object_key.namespace), object_key.name) == gone:
            return
        with self._database() as db:
            locked = kind.find(db, key, lock=True)
            if locked is None or locked.host_pod_uid != gone:
                return
            before = kind.visible(locked)
            locked.host_pod_uid = locked.host_state = None
            self._exporter.commit(db, kind, locked, before)
