"""The real cluster; the only module of the API that imports the Kubernetes client."""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from hashlib import sha256
from http import HTTPStatus
from typing import Any

import urllib3
from kubernetes import client, config
from urllib3.exceptions import HTTPError

from raworc_api.cluster import (
    Cluster,
    ClusterError,
    Event,
    ForbiddenObjectError,
    InvalidObjectError,
    Key,
    Listing,
    Manifest,
    ObjectConflictError,
    ObjectNotFoundError,
    PodIdentity,
    Resource,
    VersionGoneError,
)
from raworc_api.core.cache import ExpiringCache
from raworc_crds.group import TOKEN_AUDIENCE

FIELD_MANAGER = "raworc-api"

# The mirror's lease is reckoned with these: no write of an old leader may outlive its lease.
_CONNECT_SECONDS = 1
_READ_SECONDS = 3
_WATCH_SECONDS = 55
_CONNECTIONS = 16
_PAGE = 500
_LOG_BYTES = 1024 * 1024

_TOKENS = 4096
_GOOD_SECONDS = 10
_BAD_SECONDS = 2

_JSON = "application/json"
_MERGE = "application/merge-patch+json"
# JSON is YAML; the cluster knows an apply by this type alone.
_APPLY = "application/apply-patch+yaml"
_ACCOUNT_PREFIX = "system:serviceaccount:"
_POD_EXTRA = "authentication.kubernetes.io/pod-"

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

logger = logging.getLogger(__name__)


def connect() -> Cluster:
    """Reach the cluster that we run in, or else the one of the user's kubeconfig."""
    configuration = client.Configuration()
    try:
        config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        config.load_kube_config(  # type: ignore[no-untyped-call]
            client_configuration=configuration
        )
    configuration.connection_pool_maxsize = _CONNECTIONS
    # One more try on a connection that broke while it was idle; the mirror has its own patience.
    configuration.retries = urllib3.Retry(total=1, redirect=0)
    return KubernetesCluster(client.ApiClient(configuration))


class KubernetesCluster:
    """A cluster behind its API server; may be used from many threads."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api
        self._tokens: ExpiringCache[PodIdentity | None] = ExpiringCache(_TOKENS, time.monotonic)

    def read(self, key: Key) -> Manifest:
        """Return one object as it is now."""
        return self._json("GET", _path(key))

    def apply(self, key: Key, manifest: Manifest) -> Manifest:
        """Make the object have every field of ``manifest``, taking them over where needed."""
        query = {"fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": "Strict"}
        return self._json("PATCH", _path(key), query, manifest, _APPLY)

    def merge(self, key: Key, changes: Manifest) -> Manifest:
        """Change the fields that ``changes`` names, and drop those that it says are ``None``."""
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        return self._json("PATCH", _path(key), query, changes, _MERGE)

    def create(self, key: Key, manifest: Manifest) -> Manifest:
        """Make a new object."""
        path, _, _ = _path(key).rpartition("/")
        return self._json("POST", path, {"fieldManager": FIELD_MANAGER}, manifest)

    def replace(self, key: Key, manifest: Manifest) -> Manifest:
        """Put ``manifest`` in the place of the version of the object that it names."""
        return self._json("PUT", _path(key), {"fieldManager": FIELD_MANAGER}, manifest)

    def delete(self, key: Key, uid: str | None) -> None:
        """Delete an object, but none of another ``uid``; what it owns goes in the background."""
        options: Manifest = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
        }
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        self._json("DELETE", _path(key), {}, options)

    def list_all(self, resource: Resource) -> Listing:
        """Return all objects of a kind, asked for page by page."""
        items: list[Manifest] = []
        query: dict[str, str | int] = {"limit": _PAGE}
        while True:
            page = self._json("GET", _collection(resource), query)
            items += page["items"]
            token = page["metadata"].get("continue")
            if not token:
                return Listing(items, page["metadata"]["resourceVersion"])
            query["continue"] = token

    def watch(self, resource: Resource, version: str) -> Iterator[Event]:
        """Tell what happens after ``version``; ends by itself after at most a minute."""
        query: Query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": _WATCH_SECONDS,
        }
        response = self._open("GET", _collection(resource), query, seconds=_WATCH_SECONDS + 5)
        try:
            for line in response:
                yield _event(json.loads(line))
        except HTTPError as error:
            raise ClusterError(f"The watch broke: {error}") from error
        finally:
            response.close()

    def running_pod_uid(self, namespace: str, name: str) -> str | None:
        """Return the uid of a pod that is there and has not ended."""
        try:
            pod = self._json("GET", f"/api/v1/namespaces/{namespace}/pods/{name}")
        except ObjectNotFoundError:
            return None
        if pod.get("status", {}).get("phase") in {"Failed", "Succeeded"}:
            return None
        return str(pod["metadata"]["uid"])

    def build_logs(self, namespace: str, job: str) -> str:
        """Return what the containers of a Job's newest pod wrote, one after the other."""
        pods = f"/api/v1/namespaces/{namespace}/pods"
        found = self._json("GET", pods, {"labelSelector": f"batch.kubernetes.io/job-name={job}"})
        if not found["items"]:
            raise ObjectNotFoundError(f"The Job '{job}' has no pod, or has none any more.")
        pod = max(found["items"], key=lambda item: str(item["metadata"]["creationTimestamp"]))
        path = f"{pods}/{pod['metadata']['name']}/log"
        containers = pod["spec"].get("initContainers", []) + pod["spec"]["containers"]
        return "".join(self._container_log(path, container["name"]) for container in containers)

    def review_token(self, token: str) -> PodIdentity | None:
        """Return the pod that a projected token of our audience proves, if it proves one."""
        key = sha256(token.encode()).digest()
        kept = self._tokens.get(key)
        if kept is not None:
            return kept[0]
        identity = self._review(token)
        self._tokens.put(key, identity, _BAD_SECONDS if identity is None else _GOOD_SECONDS)
        return identity

    def _review(self, token: str) -> PodIdentity | None:
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [TOKEN_AUDIENCE]},
        }
        answer = self._json("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {}, review)
        return pod_identity(answer.get("status", {}))

    def _container_log(self, path: str, container: str) -> str:
        query: Query = {"container": container, "limitBytes": _LOG_BYTES}
        try:
            text = self._send("GET", path, query).decode("utf-8", "replace")
        except InvalidObjectError:
            return ""  # it did not start yet, so there is nothing to tell
        return f"==> {container}\n{text}" + ("" if text.endswith("\n") or not text else "\n")

    def _json(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Manifest | None = None,
        content_type: str = _JSON,
    ) -> Manifest:
        answer: Manifest = json.loads(self._send(method, path, query, body, content_type))
        return answer

    def _send(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Manifest | None = None,
        content_type: str = _JSON,
    ) -> bytes:
        response = self._open(method, path, query or {}, body, content_type)
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
        content_type: str = _JSON,
        *,
        seconds: float = _READ_SECONDS,
    ) -> urllib3.HTTPResponse:
        request = self._api.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params={"Accept": "*/*", "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = self._api.call_api(*request, _request_timeout=(_CONNECT_SECONDS, seconds))
        except (HTTPError, client.ApiException) as error:
            raise ClusterError(f"The cluster cannot be reached: {error}") from error
        response: urllib3.HTTPResponse = answer.response
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise _error(response.status, _read(response))
        return response


def pod_identity(status: Mapping[str, Any]) -> PodIdentity | None:
    """Read the status of a TokenReview."""
    user = status.get("user", {})
    username = user.get("username", "")
    if not status.get("authenticated") or not username.startswith(_ACCOUNT_PREFIX):
        return None
    if TOKEN_AUDIENCE not in status.get("audiences", []):
        return None
    extra = user.get("extra", {})
    name, uid = (extra.get(f"{_POD_EXTRA}{part}", [""])[0] for part in ("name", "uid"))
    if not name or not uid:
        return None
    namespace, _, account = username.removeprefix(_ACCOUNT_PREFIX).partition(":")
    return PodIdentity(namespace, account, name, uid)


def _collection(resource: Resource) -> str:
    return f"/apis/{resource.api_version}/{resource.plural}"


def _path(key: Key) -> str:
    resource = key.resource
    where = f"namespaces/{key.namespace}/" if resource.is_namespaced else ""
    return f"/apis/{resource.api_version}/{where}{resource.plural}/{key.name}"


def _event(line: Manifest) -> Event:
    if line["type"] == "ERROR":
        status = line["object"]
        raise _error(status.get("code", 0), json.dumps(status).encode())
    return Event(line["type"], line["object"])


def _read(response: urllib3.HTTPResponse) -> bytes:
    try:
        return response.data
    except HTTPError:
        return b""


def _error(status: int, body: bytes) -> ClusterError:
    try:
        message = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        message = body.decode("utf-8", "replace")[:500]
    return _ERRORS.get(status, ClusterError)(message or f"The cluster answered {status}.")
