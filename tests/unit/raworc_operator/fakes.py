"""A cluster that lives in memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from raworc_kube.client import Event, Listing
from raworc_kube.errors import ObjectConflictError, ObjectNotFoundError
from raworc_kube.objects import EVENT, Key, Kind, Manifest, key_of


@dataclass
class FakeCluster:
    """Objects by key; what was written is noted."""

    objects: dict[Key, Manifest] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    forced: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    patches: list[Mapping[str, Any]] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    refusals: dict[str, Exception] = field(default_factory=dict)

    def have(self, *manifests: Manifest) -> None:
        """Have objects from the start."""
        self.objects |= {key_of(manifest): manifest for manifest in manifests}

    def read(self, key: Key) -> Manifest:
        if key not in self.objects:
            raise ObjectNotFoundError(str(key))
        return self.objects[key]

    def find(self, key: Key) -> Manifest | None:
        self.requests.append(f"read {key}")
        return self.objects.get(key)

    def list_all(self, kind: Kind, namespace: str | None = None, labels: str = "") -> Listing:
        self.requests.append(f"list {kind.plural}")
        wanted = dict(label.split("=") for label in labels.split(",") if label)
        found = [
            item
            for key, item in self.objects.items()
            if key.kind is kind
            and namespace in {None, key.namespace}
            and wanted.items() <= (item["metadata"].get("labels") or {}).items()
        ]
        return Listing(found)

    def watch(self, kind: Kind, version: str) -> Iterator[Event]:
        raise NotImplementedError

    def merge(self, key: Key, patch: Manifest) -> Manifest:
        self.objects[key] = _merged(self.objects[key], patch)
        return self.objects[key]

    def replace(self, manifest: Manifest) -> Manifest:
        return self.apply(manifest)

    def count(self, kind: Kind, namespace: str, labels: str = "") -> int:
        return len(self.list_all(kind, namespace, labels).items)

    def create(self, manifest: Manifest) -> Manifest:
        key = key_of(manifest)
        if key.kind is EVENT:
            self.events.append(manifest["reason"])
            return manifest
        if key.kind.name in self.refusals:
            raise self.refusals[key.kind.name]
        if key in self.objects:
            raise ObjectConflictError(str(key))
        self.made.append(str(key))
        return self.apply(manifest)

    def apply(self, manifest: Manifest) -> Manifest:
        key = key_of(manifest)
        metadata = {"uid": f"{key.kind.name}-uid", "creationTimestamp": "2026-01-01T12:00:00Z"}
        self.objects[key] = {**manifest, "metadata": {**metadata, **manifest["metadata"]}}
        return self.objects[key]

    def delete(self, key: Key, uid: str | None = None, grace_seconds: int | None = None) -> bool:
        if key not in self.objects or self.objects[key]["metadata"]["uid"] != uid:
            return False
        self.deleted.append(str(key))
        if grace_seconds == 0:
            self.forced.append(str(key))
        del self.objects[key]
        return True

    def patch_status(self, live: Manifest, patch: Mapping[str, Any]) -> None:
        key = key_of(live)
        assert self.objects[key]["metadata"]["uid"] == live["metadata"]["uid"]
        self.patches.append(patch)
        merged = _merged(self.objects[key].get("status") or {}, patch)
        self.objects[key] = {**self.objects[key], "status": merged}


def _merged(old: Mapping[str, Any], patch: Mapping[str, Any]) -> Manifest:
    merged = dict(old)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = value
    return merged
