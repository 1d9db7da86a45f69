"""The one door to the cluster: reads, writes and watches objects, and signs what it writes.

All requests carry names, so each may be repeated: a second create meets what the first one made,
a second delete finds nothing. `Patience` says how long a caller can wait for an answer; what does
not pass within it is a `ClusterError`, and the caller's own queue tries again later.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from kubernetes import client, config
from urllib3 import HTTPResponse, Retry
from urllib3.exceptions import HTTPError

from raworc_kube.errors import (
    ClusterError,
    ForbiddenObjectError,
    InvalidObjectError,
    ObjectConflictError,
    ObjectNotFoundError,
    VersionGoneError,
)
from raworc_kube.objects import Key, Kind, Manifest, key_of, kind_of

_CONNECTIONS = 32
# The parsed page is what a long list costs in memory at once.
_PAGE = 100
_WATCH_SECONDS = 55
_MAX_MESSAGE = 500

_JSON = "application/json"
_MERGE = "application/merge-patch+json"
# JSON is YAML; the cluster knows an apply by this type alone.
_APPLY = "application/apply-patch+yaml"
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

# How an apply of a field that the definition lacks is refused: with status 500.
_UNKNOWN_FIELD = "field not declared in schema"

Query = Mapping[str, str | int]

_ERRORS: dict[int, type[ClusterError]] = {
    HTTPStatus.BAD_REQUEST: InvalidObjectError,
    HTTPStatus.FORBIDDEN: ForbiddenObjectError,
    HTTPStatus.NOT_FOUND: ObjectNotFoundError,
    HTTPStatus.CONFLICT: ObjectConflictError,
    HTTPStatus.GONE: VersionGoneError,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: InvalidObjectError,
    HTTPStatus.UNPROCESSABLE_ENTITY: InvalidObjectError,
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request may take, and how often it is repeated."""

    connect_seconds: float
    read_seconds: float
    retries: Retry


# For who can wait: a server that is busy (429, with the pause that it asks for), that restarts or
# cannot be reached for a moment is asked again.
PATIENT = Patience(
    connect_seconds=5,
    read_seconds=15,
    retries=Retry(
        total=5,
        redirect=0,
        backoff_factor=0.2,
        backoff_max=3,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=None,
        raise_on_status=False,
        retry_after_max=10,
    ),
)
# For who must know soon: one more try on a connection that broke while it was idle.
BRIEF = Patience(connect_seconds=1, read_seconds=3, retries=Retry(total=1, redirect=0))


@dataclass(frozen=True, slots=True)
class Listing:
    """All objects of a kind, and the version from which to watch on."""

    items: list[Manifest]
    version: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """What a watch reports (``ADDED``, ``MODIFIED``, ``DELETED``, ``BOOKMARK``), and the object."""

    type: str
    manifest: Manifest


class Cluster(Protocol):
    """A cluster; any call may raise ``ClusterError``."""

    def read(self, key: Key) -> Manifest:
        """Return an object; ``ObjectNotFoundError`` where there is none."""

    def find(self, key: Key) -> Manifest | None:
        """Return an object, or None where there is none."""

    def list_all(self, kind: Kind, namespace: str | None = None, labels: str = "") -> Listing:
        """Return all objects of a kind, of one namespace or of all, that carry the labels.

        They come without ``managedFields``.
        """

    def count(self, kind: Kind, namespace: str, labels: str = "") -> int:
        """Count the objects of a kind in a namespace, without reading them."""

    def watch(self, kind: Kind, version: str) -> Iterator[Event]:
        """Report what happens after ``version``; ends by itself after at most a minute."""

    def create(self, manifest: Manifest) -> Manifest:
        """Make an object that must not exist yet."""

    def apply(self, manifest: Manifest) -> Manifest:
        """Own exactly the fields that ``manifest`` names, taking them over where needed."""

    def merge(self, key: Key, patch: Manifest) -> Manifest:
        """Change the fields that ``patch`` names, and drop those that it sets to ``None``."""

    def replace(self, manifest: Manifest) -> Manifest:
        """Put ``manifest`` in the place of the version of the object that it names."""

    def delete(self, key: Key, uid: str | None = None, grace_seconds: int | None = None) -> bool:
        """Delete an object; False if it does not exist, or is not the one with this uid.

        What the object owns is deleted in the background.
        """

    def patch_status(self, live: Manifest, patch: Mapping[str, Any]) -> None:
        """Merge a patch into the status of the object that was read; nothing if it is gone."""


class KubernetesCluster:
    """A real cluster; may be used from many threads."""

    def __init__(self, api: client.ApiClient, manager: str, patience: Patience = PATIENT) -> None:
        self._api = api
        self._manager = manager
        self._patience = patience

    def read(self, key: Key) -> Manifest:
        """Return an object; ``ObjectNotFoundError`` where there is none."""
        return self._json("GET", key.path)

    def find(self, key: Key) -> Manifest | None:
        """Return an object, or None where there is none."""
        try:
            return self.read(key)
        except ObjectNotFoundError:
            return None

    def list_all(self, kind: Kind, namespace: str | None = None, labels: str = "") -> Listing:
        """Return all objects of a kind, of one namespace or of all, that carry the labels.

        They come without ``managedFields``.
        """
        identity = {"apiVersion": kind.api_version, "kind": kind.name}
        items: list[Manifest] = []
        version = ""
        for page in self._pages(kind, namespace, labels, _JSON):
            items += ({**identity, **_lean(item)} for item in page.get("items") or [])
            version = (page.get("metadata") or {}).get("resourceVersion", "")
        return Listing(items, version)

    def count(self, kind: Kind, namespace: str, labels: str = "") -> int:
        """Count the objects of a kind in a namespace, without reading them."""
        pages = self._pages(kind, namespace, labels, _METADATA_ONLY)
        return sum(len(page.get("items") or []) for page in pages)

    def watch(self, kind: Kind, version: str) -> Iterator[Event]:
        """Report what happens after ``version``; ends by itself after at most a minute."""
        query: Query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": _WATCH_SECONDS,
        }
        response = self._open("GET", kind.path(), query, seconds=_WATCH_SECONDS + 5)
        try:
            for line in response:
                yield _event(json.loads(line))
        except HTTPError as error:
            raise ClusterError(f"The watch broke: {error}") from error
        finally:
            response.close()

    def create(self, manifest: Manifest) -> Manifest:
        """Make an object that must not exist yet."""
        path = kind_of(manifest).path(manifest.get("metadata", {}).get("namespace"))
        return self._json("POST", path, self._signed(), manifest)

    def apply(self, manifest: Manifest) -> Manifest:
        """Own exactly the fields that ``manifest`` names, taking them over where needed."""
        query = {**self._signed(), "force": "true"}
        return self._json("PATCH", key_of(manifest).path, query, manifest, _APPLY)

    def merge(self, key: Key, patch: Manifest) -> Manifest:
        """Change the fields that ``patch`` names, and drop those that it sets to ``None``."""
        return self._json("PATCH", key.path, self._signed(), patch, _MERGE)

    def replace(self, manifest: Manifest) -> Manifest:
        """Put ``manifest`` in the place of the version of the object that it names."""
        return self._json("PUT", key_of(manifest).path, self._signed(), manifest)

    def delete(self, key: Key, uid: str | None = None, grace_seconds: int | None = None) -> bool:
        """Delete an object; False if it does not exist, or is not the one with this uid."""
        options: Manifest = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
        }
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        try:
            self._json("DELETE", key.path, {}, options)
        except (ObjectNotFoundError, ObjectConflictError):
            return False
        return True

    def patch_status(self, live: Manifest, patch: Mapping[str, Any]) -> None:
        """Merge a patch into the status of the object that was read; nothing if it is gone."""
        key, uid = key_of(live), live["metadata"]["uid"]
        # A uid in the patch would be ignored here, and the status of an object that is gone be
        # written into the one that has its name now. The version of another one never matches.
        found: Manifest | None = live
        while found is not None and found["metadata"]["uid"] == uid:
            try:
                self._write_status(key, found["metadata"]["resourceVersion"], patch)
            except ObjectConflictError:
                found = self.find(key)
            else:
                return

    def _write_status(self, key: Key, version: str, patch: Mapping[str, Any]) -> None:
        body = {"metadata": {"resourceVersion": version}, "status": patch}
        # Not strict: a definition of another version may lack a field, which is then left out.
        query = {"fieldManager": f"{self._manager}-status"}
        with suppress(ObjectNotFoundError):
            self._json("PATCH", f"{key.path}/status", query, body, _MERGE)

    def logs(self, pod: Key, container: str, limit_bytes: int) -> str:
        """Return what a container wrote; ``InvalidObjectError`` before it has started."""
        query: Query = {"container": container, "limitBytes": limit_bytes}
        return self._send("GET", f"{pod.path}/log", query).decode("utf-8", "replace")

    def _pages(
        self, kind: Kind, namespace: str | None, labels: str, accept: str
    ) -> Iterator[Manifest]:
        query: dict[str, str | int] = {"limit": _PAGE}
        if labels:
            query["labelSelector"] = labels
        while True:
            page = self._json("GET", kind.path(namespace), query, accept=accept)
            yield page
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return
            query["continue"] = token

    def _signed(self) -> dict[str, str | int]:
        return {"fieldManager": self._manager, "fieldValidation": "Strict"}

    def _json(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Manifest | None = None,
        content_type: str = _JSON,
        *,
        accept: str = _JSON,
    ) -> Manifest:
        text = self._send(method, path, query, body, content_type, accept=accept)
        answer: Manifest = json.loads(text)
        return answer

    def _send(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Manifest | None = None,
        content_type: str = _JSON,
        *,
        accept: str = "*/*",
    ) -> bytes:
        headers = {"Accept": accept, "Content-Type": content_type}
        response = self._open(method, path, query or {}, body, headers)
        try:
            return response.data
        except HTTPError as error:
            raise ClusterError(f"The cluster's answer broke off: {error}") from error

    def _open(
        self,
        method: str,
        path: str,
        query: Query,
        body: Manifest | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        seconds: float | None = None,
    ) -> HTTPResponse:
        request = self._api.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params=dict(headers or {"Accept": _JSON}),
            body=body,
            auth_settings=["BearerToken"],
        )
        timeout = (self._patience.connect_seconds, seconds or self._patience.read_seconds)
        try:
            answer = self._api.call_api(*request, _request_timeout=timeout)
        except (HTTPError, client.ApiException) as error:
            raise ClusterError(f"The Kubernetes API cannot be reached: {error}") from error
        response: HTTPResponse = answer.response
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise _error(response.status, _read(response))
        return response


def connect(patience: Patience = PATIENT) -> client.ApiClient:
    """Reach the cluster that we run in, or else the one of the user's kubeconfig."""
    configuration = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    configuration.connection_pool_maxsize = _CONNECTIONS
    configuration.retries = patience.retries
    return client.ApiClient(configuration)


def _lean(item: Manifest) -> Manifest:
    # Who owns which field is half of an object, and nobody who lists them asks for it.
    item["metadata"].pop("managedFields", None)
    return item


def _event(line: Manifest) -> Event:
    if line["type"] == "ERROR":
        status = line["object"]
        raise _error(status.get("code", 0), json.dumps(status).encode())
    return Event(line["type"], line["object"])


def _read(response: HTTPResponse) -> bytes:
    try:
        return response.data
    except HTTPError:
        return b""


def _error(status: int, body: bytes) -> ClusterError:
    try:
        message = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        message = body.decode("utf-8", "replace")[:_MAX_MESSAGE]
    kind = InvalidObjectError if _UNKNOWN_FIELD in message else _ERRORS.get(status, ClusterError)
    return kind(message or f"The Kubernetes API answered {status}.")
