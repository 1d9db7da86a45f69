"""What the mirror must know of a kind of record, so that it treats every kind alike."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sqlmodel import Session

from raworc_api.mirror.outbox import RecordKey
from raworc_kube import objects
from raworc_kube.objects import Key, Manifest


class Record(Protocol):
    """What the records of every kind have in common."""

    uid: str | None
    spec: dict[str, Any]
    applied_spec: dict[str, Any] | None
    generation: int
    deleting: bool


AnyRecord = TypeVar("AnyRecord", bound=Record)


class Kind(Protocol[AnyRecord]):
    """One kind of record, and the custom resource that it is mirrored as."""

    resource: objects.Kind

    def object_key(self, key: RecordKey) -> Key:
        """Name the object of a record."""

    def record_key(self, manifest: Manifest) -> RecordKey | None:
        """Say which record an object belongs to; ``None`` if it can belong to none."""

    def known(self, db: Session) -> dict[RecordKey, str]:
        """Return the records that have an object, with its uid; not those being deleted."""

    def unexplained(self, db: Session, missing: AbstractSet[RecordKey]) -> set[RecordKey]:
        """Return those of the missing objects which no known deletion took with it."""

    def reset(self, db: Session, keys: AbstractSet[RecordKey] | None) -> None:
        """Forget the objects of these records, or of all, and ask for new ones.

        What was being deleted anyway is removed.
        """

    def find(self, db: Session, key: RecordKey, *, lock: bool = False) -> AnyRecord | None:
        """Find a record, and lock it if asked to."""

    def is_same(self, record: AnyRecord, manifest: Manifest) -> bool:
        """Say whether an object that was made anew says itself that it is this record's."""

    def may_adopt(self, record: AnyRecord, manifest: Manifest) -> bool:
        """Say whether a record without an object may take this one, which it did not make."""

    def metadata(self, record: AnyRecord) -> Mapping[str, Mapping[str, str | None]]:
        """Return the labels and annotations that the object of a record has or must not have."""

    def status(self, record: AnyRecord, live: Manifest) -> Manifest:
        """Return the merge patch of that part of an object's status which is the record's."""

    def add(self, db: Session, manifest: Manifest, now: datetime) -> AnyRecord:
        """Make the record of an object that came from elsewhere; its spec is taken next."""

    def take_spec(self, record: AnyRecord, spec: dict[str, Any], now: datetime) -> None:
        """Take over the spec that the cluster has."""

    def take_status(
        self, db: Session, record: AnyRecord, manifest: Manifest, now: datetime
    ) -> None:
        """Take over what the operator saw."""

    def conditions(self, record: AnyRecord) -> list[dict[str, Any]]:
        """Return the conditions of a record, ours among them."""

    def set_mirrored(self, record: AnyRecord, condition: dict[str, Any] | None) -> None:
        """Set the condition that says why record and cluster differ, or take it away."""

    def forget(self, db: Session, record: AnyRecord) -> bool:
        """Remove a record, or else a part of what belongs to it; say whether all of it is gone."""

    def touch(self, record: AnyRecord) -> None:
        """Count a visible change."""

    def visible(self, record: AnyRecord) -> object:
        """Return a value that differs after a change that somebody may wait for."""

    def topic(self, record: AnyRecord) -> str | None:
        """Name the topic of the bus on which changes of a record are announced."""
