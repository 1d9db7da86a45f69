"""A cluster in memory that keeps versions, uids, generations and finalizers as the real one."""

import threading
from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import count
from typing import Any
from uuid import uuid4

from raworc_api.cluster import Cluster, PodIdentity
from raworc_api.mirror.identity import CLUSTER_KEY, definition_key
from raworc_kube.client import Event, Listing
from raworc_kube.errors import (
    ClusterError,
    InvalidObjectError,
    ObjectConflictError,
    ObjectNotFoundError,
    VersionGoneError,
)
from raworc_kube.objects import SESSION, SPACE, Key, Kind, Manifest, key_of


class MemoryCluster:
    """Objects, what happened to them, and pods and tokens as a test sets them."""

    def __init__(self) -> None:
        self.namespaces: set[str] = set()
        self.pods: dict[tuple[str, str], str] = {}
        self.tokens: dict[str, PodIdentity] = {}
        self.logs: dict[tuple[str, str], str] = {}
        # Errors by the name of the object, raised by writes until a test takes them away.
        self.failures: dict[str, ClusterError] = {}
        # Requests, as (verb, name): what a test counts.
        self.writes: list[tuple[str, str]] = []
        self.oldest = 0
        self._objects: dict[Key, Manifest] = {}
        # What an apply named last, and takes away when it names it no more.
        self._applied: dict[Key, Manifest] = {}
        self._history: list[tuple[int, Kind, Event]] = []
        self._versions = count(1)
        self._changed = threading.Condition(threading.RLock())
        self._is_open = True
        self.become_another()

    def read(self, key: Key) -> Manifest:
        with self._changed:
            if key not in self._objects:
                raise ObjectNotFoundError(f"'{key.name}' not found")
            return deepcopy(self._objects[key])

    def find(self, key: Key) -> Manifest | None:
        return self.read(key) if self.has(key) else None

    def apply(self, manifest: Manifest) -> Manifest:
        key = key_of(manifest)
        with self._changed:
            self._check("apply", key)
            before = self._objects.get(key, {})
            named, self._applied[key] = self._applied.get(key, {}), deepcopy(manifest)
            return self._store(key, _layered(_without(before, named, manifest), manifest))

    def merge(self, key: Key, patch: Manifest) -> Manifest:
        with self._changed:
            self._check("merge", key)
            before = self.read(key)
            named, known = patch.get("metadata", {}), before["metadata"]
            if named.get("uid", known["uid"]) != known["uid"]:
                raise InvalidObjectError("metadata.uid: field is immutable")
            if named.get("resourceVersion", known["resourceVersion"]) != known["resourceVersion"]:
                raise ObjectConflictError("the object has been modified")
            # The status has a door of its own.
            given = {name: part for name, part in patch.items() if name != "status"}
            merged = self._store(key, _patched(before, given))
            if "deletionTimestamp" in known and not merged["metadata"].get("finalizers"):
                self._remove(key)
            return merged

    def create(self, manifest: Manifest) -> Manifest:
        key = key_of(manifest)
        with self._changed:
            self._check("create", key)
            if key in self._objects:
                raise ObjectConflictError(f"'{key.name}' already exists")
            return self._store(key, manifest)

    def replace(self, manifest: Manifest) -> Manifest:
        key = key_of(manifest)
        with self._changed:
            self._check("replace", key)
            before = self.read(key)
            if manifest["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]:
                raise ObjectConflictError("the object has been modified")
            return self._store(key, manifest)

    def delete(self, key: Key, uid: str | None = None, grace_seconds: int | None = None) -> bool:
        del grace_seconds
        with self._changed:
            self._check("delete", key)
            before = self.find(key)
            if before is None or uid not in {None, before["metadata"]["uid"]}:
                return False
            if before["metadata"].get("finalizers"):
                before["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
                self._store(key, before)
            else:
                self._remove(key)
            return True

    def patch_status(self, live: Manifest, patch: Mapping[str, Any]) -> None:
        key = key_of(live)
        with self._changed:
            self._check("status", key)
            before = self.find(key)
            if before is not None and before["metadata"]["uid"] == live["metadata"]["uid"]:
                self._store(key, _patched(before, {"status": dict(patch)}))

    def list_all(self, kind: Kind, namespace: str | None = None, labels: str = "") -> Listing:
        wanted = dict(label.split("=") for label in labels.split(",") if label)
        with self._changed:
            found = [
                item
                for key, item in self._objects.items()
                if key.kind == kind
                and namespace in {None, key.namespace}
                and wanted.items() <= item["metadata"].get("labels", {}).items()
            ]
            return Listing(deepcopy(found), str(next(self._versions)))

    def count(self, kind: Kind, namespace: str, labels: str = "") -> int:
        return len(self.list_all(kind, namespace, labels).items)

    def watch(self, kind: Kind, version: str) -> Iterator[Event]:
        seen = int(version)
        while True:
            with self._changed:
                if seen < self.oldest:
                    raise VersionGoneError("too old resource version")
                self._changed.wait_for(lambda: self.since(kind, seen) or not self._is_open, 5)  # noqa: B023 - called at once
                told = self.since(kind, seen)
                if not told:
                    return
            for event in told:
                seen = int(event.manifest["metadata"]["resourceVersion"])
                yield event

    def running_pod_uid(self, namespace: str, name: str) -> str | None:
        return self.pods.get((namespace, name))

    def build_logs(self, namespace: str, job: str) -> str:
        if (namespace, job) not in self.logs:
            raise ObjectNotFoundError(f"The Job '{job}' has no pod.")
        return self.logs[namespace, job]

    def review_token(self, token: str) -> PodIdentity | None:
        return self.tokens.get(token)

    def since(self, kind: Kind, version: int) -> list[Event]:
        """Return what happened to a kind after a version."""
        with self._changed:
            return [
                deepcopy(event)
                for at, told, event in self._history
                if at > version and told == kind
            ]

    def change_spec(self, key: Key, **fields: object) -> Manifest:
        """Edit a spec, as somebody with kubectl would; ``None`` takes a field away."""
        with self._changed:
            return self._store(key, _patched(self.read(key), {"spec": fields}))

    def set_status(self, key: Key, **status: object) -> Manifest:
        """Report a status, as the operator would."""
        with self._changed:
            return self._store(key, {**self.read(key), "status": status})

    def become_another(self) -> None:
        """Be a new cluster: without an object, with other uids, and with our definitions."""
        with self._changed:
            self.namespaces.clear()
            self._objects.clear()
            self.forget_history()
            self._put(CLUSTER_KEY)
            for kind in (SPACE, SESSION):
                self._put(definition_key(kind))

    def delete_definition(self, kind: Kind) -> None:
        """Delete a definition as Kubernetes does: first every object of it, one by one."""
        with self._changed:
            self._objects[definition_key(kind)]["metadata"]["deletionTimestamp"] = CREATED
            for key in [key for key in self._objects if key.kind == kind]:
                self.delete(key)
                if self.has(key):
                    self.finish(key)
            del self._objects[definition_key(kind)]

    def install_definition(self, kind: Kind) -> None:
        """Install a definition anew."""
        with self._changed:
            self._put(definition_key(kind))

    def lose(self, *keys: Key) -> None:
        """Lose objects without a word about it, as a cluster that is restored from a backup."""
        with self._changed:
            for key in keys:
                del self._objects[key]

    def annotate(self, key: Key, name: str, value: str) -> None:
        """Annotate an object, as somebody with kubectl would."""
        with self._changed:
            self._objects[key]["metadata"].setdefault("annotations", {})[name] = value

    def _put(self, key: Key) -> None:
        metadata = {"name": key.name, "uid": str(uuid4()), "resourceVersion": "1"}
        self._objects[key] = {"kind": key.kind.name, "metadata": metadata}

    def finish(self, key: Key) -> None:
        """Take the finalizers away, as the operator does last."""
        with self._changed:
            self._objects[key]["metadata"].pop("finalizers", None)
            self.delete(key)

    def has(self, key: Key) -> bool:
        """Say whether an object is there."""
        return key in self._objects

    def forget_history(self) -> None:
        """Make every version of before too old to watch from."""
        with self._changed:
            self._history.clear()
            self.oldest = next(self._versions)

    def close(self) -> None:
        """End every watch."""
        with self._changed:
            self._is_open = False
            self._changed.notify_all()

    def _remove(self, key: Key) -> None:
        self._applied.pop(key, None)
        removed = self._objects.pop(key)
        removed["metadata"]["resourceVersion"] = str(next(self._versions))
        self._tell("DELETED", key, removed)

    def _check(self, verb: str, key: Key) -> None:
        self.writes.append((verb, key.name))
        if key.name in self.failures:
            raise self.failures[key.name]
        is_lease = key.kind.plural == "leases"
        if key.namespace and not is_lease and key.namespace not in self.namespaces:
            raise ObjectNotFoundError(f'namespaces "{key.namespace}" not found')

    def _store(self, key: Key, manifest: Manifest) -> Manifest:
        before = self._objects.get(key)
        after = deepcopy(manifest)
        metadata = after["metadata"]
        metadata.pop("resourceVersion", None)
        if before is None:
            metadata.update(uid=str(uuid4()), generation=1, creationTimestamp=CREATED)
        else:
            old = before["metadata"]
            metadata.update({field: old[field] for field in ("uid", "generation")})
            metadata["generation"] += int(before.get("spec") != after.get("spec"))
            metadata["resourceVersion"] = old["resourceVersion"]
            if after == before:
                return deepcopy(before)
        metadata["resourceVersion"] = str(next(self._versions))
        self._objects[key] = after
        self._tell("ADDED" if before is None else "MODIFIED", key, after)
        return deepcopy(after)

    def _tell(self, verb: str, key: Key, manifest: Manifest) -> None:
        version = int(manifest["metadata"]["resourceVersion"])
        self._history.append((version, key.kind, Event(verb, deepcopy(manifest))))
        self._changed.notify_all()


CREATED = "2026-01-01T00:00:00Z"


def _is_a_cluster(cluster: MemoryCluster) -> Cluster:
    return cluster


def _layered(below: Manifest, above: Manifest) -> Manifest:
    merged = {**below, **above}
    for field in below.keys() & above.keys():
        if isinstance(below[field], dict) and isinstance(above[field], dict):
            merged[field] = _layered(below[field], above[field])
    return merged


def _without(value: Manifest, named: Manifest, named_now: Manifest) -> Manifest:
    """Take away what was named and is named no more."""
    kept = {
        field: part for field, part in value.items() if field in named_now or field not in named
    }
    for field in kept.keys() & named.keys() & named_now.keys():
        if all(isinstance(part[field], dict) for part in (kept, named, named_now)):
            kept[field] = _without(kept[field], named[field], named_now[field])
    return kept


def _patched(value: Any, changes: Any) -> Any:  # noqa: ANN401 - JSON values, after RFC 7386
    if not isinstance(changes, dict):
        return deepcopy(changes)
    patched = dict(value) if isinstance(value, dict) else {}
    for field, change in changes.items():
        if change is None:
            patched.pop(field, None)
        else:
            patched[field] = _patched(patched.get(field), change)
    return patched
