"""Drives the mirror's worker step by step, so that a test decides what comes before what."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlmodel import Session, select
from tests.support.memory_cluster import MemoryCluster

from raworc_api.core.database import Database
from raworc_api.core.wake import Bus
from raworc_api.messages.tables import MessageRecord
from raworc_api.mirror import outbox
from raworc_api.mirror.absences import Absences
from raworc_api.mirror.exporter import Exporter
from raworc_api.mirror.identity import IdentityGuard
from raworc_api.mirror.importer import Importer
from raworc_api.mirror.kinds import Kind
from raworc_api.mirror.outbox import RecordKey
from raworc_api.mirror.queue import Lane, WorkQueue
from raworc_api.mirror.session_kind import SessionKind
from raworc_api.mirror.space_kind import SpaceKind
from raworc_api.mirror.tables import OutboxRow
from raworc_api.mirror.watch import Watch
from raworc_api.mirror.worker import OutboxReader, Worker
from raworc_api.sessions.tables import SessionRecord
from raworc_api.spaces.tables import SpaceRecord
from raworc_kube import objects
from raworc_kube.client import Event
from raworc_kube.objects import Key, Manifest

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SPACE = "team"
NAMESPACE = "raworc-team"


class HeardBus(Bus):
    """A bus that remembers on which topics it was told something."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def publish(
        self, topic: str, data: dict[str, Any] | None = None, *, can_wait: bool = False
    ) -> None:
        self.heard.append(topic)
        super().publish(topic, data, can_wait=can_wait)


class Records:
    """The records of a real database, changed as REST does."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add_space(self, **spec: object) -> None:
        """Make a space as REST does."""
        with self.database() as db:
            db.add(
                SpaceRecord(name=SPACE, spec=spec, created_by="ann", created_at=NOW, updated_at=NOW)
            )
            outbox.request(db, objects.SPACE.name, SPACE, SPACE)
            db.commit()

    def add_session(self, name: str = "one", **spec: object) -> str:
        """Make a session as REST does."""
        session_id = str(uuid4())
        with self.database() as db:
            db.add(
                SessionRecord(
                    id=session_id,
                    space=SPACE,
                    name=name,
                    spec={"space": SPACE, "closed": False, **spec},
                    created_by="ann",
                    created_at=NOW,
                    last_activity_at=NOW,
                )
            )
            db.flush()
            db.add(
                MessageRecord(
                    id=str(uuid4()),
                    session_id=session_id,
                    seq=1,
                    revision=1,
                    role="user",
                    content="Hello",
                    status="queued",
                    created_by="ann",
                    created_at=NOW,
                )
            )
            outbox.request(db, objects.SESSION.name, SPACE, name)
            db.commit()
        return session_id

    def add_messages(self, count: int, name: str = "one") -> None:
        """Add messages to a session that has one."""
        with self.database() as db:
            session = self._session(db, name)
            db.add_all(
                MessageRecord(
                    id=str(uuid4()),
                    session_id=session.id,
                    seq=seq,
                    revision=seq,
                    role="user",
                    content="Hello",
                    status="answered",
                    created_by="ann",
                    created_at=NOW,
                )
                for seq in range(2, count + 2)
            )
            db.commit()

    def change_session(
        self, name: str = "one", spec: dict[str, Any] | None = None, **fields: object
    ) -> None:
        """Change a session's record as REST does."""
        with self.database() as db:
            session = self._session(db, name)
            session.spec = {**session.spec, **(spec or {})}
            session.closed = session.spec["closed"]
            for field, value in fields.items():
                setattr(session, field, value)
            outbox.request(db, objects.SESSION.name, SPACE, name)
            db.commit()

    def change_space(self, *, deleting: bool = False, **spec: object) -> None:
        """Change the space's record as REST does."""
        with self.database() as db:
            space = db.get_one(SpaceRecord, SPACE)
            space.spec = {**space.spec, **spec}
            space.deleting = deleting
            outbox.request(db, objects.SPACE.name, SPACE, SPACE)
            db.commit()

    def session(self, name: str = "one") -> SessionRecord:
        """Return a session's record; there must be one."""
        with self.database() as db:
            return self._session(db, name)

    def space(self) -> SpaceRecord:
        """Return the space's record; there must be one."""
        with self.database() as db:
            return db.get_one(SpaceRecord, SPACE)

    def names(self) -> set[str]:
        """Return the names of all sessions that have an object."""
        with self.database() as db:
            return {one.name for one in db.exec(select(SessionRecord)) if one.uid is not None}

    def count(self, table: type[Any]) -> int:
        """Count the rows of a table."""
        with self.database() as db:
            return len(db.exec(select(table)).all())

    def waiting(self) -> list[RecordKey]:
        """Return for which objects a row waits in the outbox."""
        with self.database() as db:
            return [outbox.key_of(row) for row in db.exec(select(OutboxRow))]

    def _session(self, db: Session, name: str) -> SessionRecord:
        query = select(SessionRecord).where(
            SessionRecord.space == SPACE, SessionRecord.name == name
        )
        return db.exec(query).one()


class MirrorBed(Records):
    """A mirror on a real database and a cluster in memory; nothing runs by itself."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.cluster = MemoryCluster()
        self.cluster.namespaces.add(NAMESPACE)
        self.bus = HeardBus()
        self.time = 0.0
        self._kinds: dict[str, Kind[Any]] = {
            objects.SPACE.name: SpaceKind(),
            objects.SESSION.name: SessionKind("raworc-"),
        }
        self._seen = {objects.SPACE: 0, objects.SESSION: 0}
        self.restart()

    def restart(self) -> None:
        """Start a mirror, as a process does that knows nothing yet: it lists all objects."""
        self.queue = WorkQueue(self.clock)
        self.guard = guard = IdentityGuard(self.cluster, self.clock)
        self.absences = Absences(self.cluster, self.database, self._kinds, self.queue, self.clock)
        neighbours = (self.cluster, self.database)
        self.exporter = Exporter(*neighbours, self.bus, self._kinds, guard, lambda: NOW)
        importer = Importer(*neighbours, self.exporter, self._kinds, guard, lambda: NOW)
        self.reader = OutboxReader(self.database, self.queue, lambda: True)
        self.worker = Worker(self.queue, self.exporter, importer, lambda: True)
        self._watches = {resource: self._new_watch(resource) for resource in self._seen}
        self.relist()

    def relist(self) -> None:
        """List all objects; what happened before is not told."""
        for resource in self._seen:
            self._seen[resource] = int(self.cluster.list_all(resource).version)
            self.watch(resource).list()

    def watch(self, resource: objects.Kind) -> Watch:
        """Return the watch of a kind, which nobody runs."""
        return self._watches[resource]

    def _new_watch(self, resource: objects.Kind) -> Watch:
        kind = self._kinds[resource.name]
        neighbours = (self.cluster, self.database, kind, self.guard, self.absences, self.queue)
        return Watch(*neighbours, now=lambda: NOW, clock=self.clock)

    def clock(self) -> float:
        """Return the time, which passes as a test wants."""
        self.time += 0.001
        return self.time

    def export(self) -> None:
        """Let the worker do what is due in the outbox."""
        self.reader.read()
        while self._work({Lane.WISHES, Lane.REPORTS}):
            self.reader.read()

    def hear(self) -> None:
        """Let the worker take in everything that happened in the cluster."""
        for resource in self._seen:
            watch = self.watch(resource)
            for event in self.cluster.since(resource, self._seen[resource]):
                self._seen[resource] = int(event.manifest["metadata"]["resourceVersion"])
                watch._take(event)
        self._work({Lane.IMPORTS})

    def _work(self, lanes: set[Lane]) -> int:
        left, done = [], 0
        while task := self.queue.take(0):
            if task.lane in lanes:
                self.worker.do(task)
                done += 1
            else:
                left.append(task)
                self.queue.done(task)
                # Set aside, as it would come again at once.
        for task in left:
            self.queue.put(task.lane, task.key, task.item)
        return done

    def settle(self) -> None:
        """Let the worker do everything that there is to do."""
        self.export()
        self.hear()
        self.export()
        self.hear()

    def tell(self, resource: objects.Kind, manifest: Manifest, *, is_deleted: bool = False) -> None:
        """Tell the worker of one event, however old."""
        event = Event("DELETED" if is_deleted else "MODIFIED", manifest)
        self.watch(resource)._take(event)
        self._work({Lane.IMPORTS})


def session_key(name: str = "one") -> Key:
    """Name the object of a session."""
    return Key(objects.SESSION, name, NAMESPACE)


def space_key() -> Key:
    """Name the object of the space."""
    return Key(objects.SPACE, SPACE)


def session_manifest(name: str = "one", **spec: object) -> Manifest:
    """Write a session as somebody with kubectl would."""
    return {
        "apiVersion": objects.SESSION.api_version,
        "kind": objects.SESSION.name,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"space": SPACE, **spec},
    }


def space_manifest(**spec: object) -> Manifest:
    """Write a space as somebody with kubectl would."""
    return {
        "apiVersion": objects.SPACE.api_version,
        "kind": objects.SPACE.name,
        "metadata": {"name": SPACE, "finalizers": ["raworc.dev/space-cleanup"]},
        "spec": spec,
    }
