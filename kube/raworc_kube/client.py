"""The one door to the cluster: reads and writes objects, and signs what it writes."""

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from kubernetes import client, config
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from raworc_kube.objects import Key, Kind, Manifest, key_of

FIELD_MANAGER = "raworc-operator"

_logger = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 15
_NOT_FOUND, _CONFLICT, _REFUSALS = 404, 409, {400, 403, 422}
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

# What passes by itself: a server that is busy, restarts or cannot be reached for a moment. Writes
# are repeated too: they go by name, so that a second one finds what the first one did.
_RETRIES = Retry(
    total=5,
    backoff_factor=0.2,
    backoff_max=3,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
)


class ClusterError(Exception):
    """The cluster did not do what it was asked for."""


class RefusedError(ClusterError):
    """The cluster understood, and refused: quota, policy, permission or validation."""


class ExistsError(ClusterError):
    """There is an object of that name, or the object is no longer the one that was meant."""


class Cluster(Protocol):
    """What the operator asks of a cluster."""

    def read(self, key: Key) -> Manifest | None:
        """Return an object, or None where there is none."""

    def list_all(
        self, kind: Kind, namespace: str | None = None, labels: str = ""
    ) -> list[Manifest]:
        """Return all objects of a kind, of one namespace or of all, that carry the labels."""

    def count(self, kind: Kind, namespace: str, labels: str = "") -> int:
        """Say how many objects of a kind there are in a namespace, without reading them."""

    def create(self, manifest: Manifest) -> Manifest:
        """Make an object that must not exist yet."""

    def apply(self, manifest: Manifest) -> Manifest:
        """Own exactly the fields that ``manifest`` names, taking them over where needed."""

    def delete(self, key: Key, uid: str) -> None:
        """Delete the object if it still is the one with this uid."""

    def patch_status(self, key: Key, uid: str, patch: Mapping[str, Any]) -> None:
        """Merge a patch into the status of the object, if it still is the one with this uid."""

    def post_event(self, event: Manifest) -> None:
        """Tell people of something that happened; a cluster that does not listen is no error."""


class KubernetesCluster:
    """A real cluster, by the account of the pod, else by the kubeconfig."""

    def __init__(self) -> None:
        configuration = client.Configuration()
        try:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except config.ConfigException:
            config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        configuration.retries = _RETRIES
        configuration.connection_pool_maxsize = 32
        self._api = client.ApiClient(configuration)

    def read(self, key: Key) -> Manifest | None:
        """Return an object, or None where there is none."""
        return self._ask("GET", key.path)

    def list_all(
        self, kind: Kind, namespace: str | None = None, labels: str = ""
    ) -> list[Manifest]:
        """Return all objects of a kind, of one namespace or of all, that carry the labels."""
        found = self._ask("GET", kind.path(namespace), query=_selector(labels)) or {"items": []}
        identity = {"apiVersion": kind.api_version, "kind": kind.name}
        return [{**identity, **item} for item in found.get("items") or []]

    def count(self, kind: Kind, namespace: str, labels: str = "") -> int:
        """Say how many objects of a kind there are in a namespace, without reading them."""
        found = self._ask(
            "GET", kind.path(namespace), query=_selector(labels), headers={"Accept": _METADATA_ONLY}
        )
        return len((found or {}).get("items") or [])

    def create(self, manifest: Manifest) -> Manifest:
        """Make an object that must not exist yet."""
        kind, _, namespace = key_of(manifest)
        query = [("fieldManager", FIELD_MANAGER)]
        return self._require("POST", kind.path(namespace), manifest, query)

    def apply(self, manifest: Manifest) -> Manifest:
        """Own exactly the fields that ``manifest`` names, taking them over where needed."""
        query = [("fieldManager", FIELD_MANAGER), ("force", "true")]
        path = key_of(manifest).path
        return self._require("PATCH", path, manifest, query, "application/apply-patch+yaml")

    def delete(self, key: Key, uid: str) -> None:
        """Delete the object if it still is the one with this uid."""
        options = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        self._ask("DELETE", key.path, options, headers={"Content-Type": "application/json"})

    def patch_status(self, key: Key, uid: str, patch: Mapping[str, Any]) -> None:
        """Merge a patch into the status of the object, if it still is the one with this uid."""
        body = {"metadata": {"uid": uid}, "status": patch}
        query = [("fieldManager", f"{FIELD_MANAGER}-status")]
        headers = {"Content-Type": "application/merge-patch+json"}
        self._ask("PATCH", f"{key.path}/status", body, query, headers)

    def post_event(self, event: Manifest) -> None:
        """Tell people of something that happened; a cluster that does not listen is no error."""
        try:
            self.create(event)
        except ClusterError as error:
            _logger.info("An event was not recorded: %s", error)

    def _require(
        self,
        method: str,
        path: str,
        body: Manifest,
        query: list[tuple[str, str]],
        content_type: str = "application/json",
    ) -> Manifest:
        answer = self._ask(method, path, body, query, {"Content-Type": content_type})
        if answer is None:
            raise RefusedError(f"{key_of(body)} has no namespace to be in.")
        return answer

    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,  # noqa: ANN401 - any JSON
        query: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Manifest | None:
        try:
            status, text = self._call(method, path, body, query, headers or {})
        except HTTPError as error:
            raise ClusterError(f"The Kubernetes API cannot be reached: {error}") from error
        if status == _NOT_FOUND:
            return None
        answer: Manifest = json.loads(text) if text.startswith(b"{") else {"message": text.decode()}
        _raise_for(status, str(answer.get("message", "")))
        return answer

    def _call(
        self,
        method: str,
        path: str,
        body: Any,  # noqa: ANN401 - any JSON
        query: Iterable[tuple[str, str]],
        headers: Mapping[str, str],
    ) -> tuple[int, bytes]:
        request = self._api.param_serialize(
            method,
            path,
            query_params=list(query),
            header_params={"Accept": "application/json", **headers},
            auth_settings=["BearerToken"],
            body=body,
        )
        response = self._api.call_api(*request, _request_timeout=_TIMEOUT_SECONDS)
        return int(response.status), response.read()  # type: ignore[no-untyped-call]


def _selector(labels: str) -> list[tuple[str, str]]:
    return [("labelSelector", labels)] if labels else []


def _raise_for(status: int, message: str) -> None:
    if status == _CONFLICT:
        raise ExistsError(message)
    if status in _REFUSALS:
        raise RefusedError(message)
    if status >= 400:  # noqa: PLR2004 - the errors of HTTP
        raise ClusterError(f"The Kubernetes API answered {status}: {message}")
