"""What the API asks of the cluster beyond objects: pods' tokens, their state and their logs."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from raworc_api.core.cache import ExpiringCache
from raworc_crds.group import TOKEN_AUDIENCE
from raworc_kube import client
from raworc_kube.errors import InvalidObjectError, ObjectNotFoundError
from raworc_kube.objects import POD, TOKEN_REVIEW, Key

FIELD_MANAGER = "raworc-api"

_LOG_BYTES = 1024 * 1024

_TOKENS = 4096
_GOOD_SECONDS = 10
_BAD_SECONDS = 2

_ACCOUNT_PREFIX = "system:serviceaccount:"
_POD_EXTRA = "authentication.kubernetes.io/pod-"


@dataclass(frozen=True, slots=True)
class PodIdentity:
    """The pod that a projected token was made for."""

    namespace: str
    service_account: str
    pod_name: str
    pod_uid: str


class Cluster(client.Cluster, Protocol):
    """A cluster, seen from the API server; any call may raise ``ClusterError``."""

    def running_pod_uid(self, namespace: str, name: str) -> str | None:
        """Return the uid of a pod that exists and has not ended."""

    def build_logs(self, namespace: str, job: str) -> str:
        """Return what the containers of a Job's newest pod wrote."""

    def review_token(self, token: str) -> PodIdentity | None:
        """Return the pod that a projected token of our audience proves, if it proves one."""


def connect() -> Cluster:
    """Reach the cluster; briefly, as no write of an old mirror may outlive its lease."""
    return ApiCluster(client.connect(client.BRIEF), FIELD_MANAGER, client.BRIEF)


class ApiCluster(client.KubernetesCluster):
    """A real cluster, with what only the API asks of it."""

    def __init__(self, *arguments: Any) -> None:  # noqa: ANN401 - those of the client
        super().__init__(*arguments)
        self._tokens: ExpiringCache[PodIdentity | None] = ExpiringCache(_TOKENS, time.monotonic)

    def running_pod_uid(self, namespace: str, name: str) -> str | None:
        """Return the uid of a pod that exists and has not ended."""
        pod = self.find(Key(POD, name, namespace))
        if pod is None or pod.get("status", {}).get("phase") in {"Failed", "Succeeded"}:
            return None
        return str(pod["metadata"]["uid"])

    def build_logs(self, namespace: str, job: str) -> str:
        """Return what the containers of a Job's newest pod wrote, one after the other."""
        pods = self.list_all(POD, namespace, f"batch.kubernetes.io/job-name={job}").items
        if not pods:
            raise ObjectNotFoundError(f"The Job '{job}' has no pod.")
        pod = max(pods, key=lambda item: str(item["metadata"]["creationTimestamp"]))
        key = Key(POD, pod["metadata"]["name"], namespace)
        containers = pod["spec"].get("initContainers", []) + pod["spec"]["containers"]
        return "".join(self._container_log(key, container["name"]) for container in containers)

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
            "apiVersion": TOKEN_REVIEW.api_version,
            "kind": TOKEN_REVIEW.name,
            "spec": {"token": token, "audiences": [TOKEN_AUDIENCE]},
        }
        return pod_identity(self.create(review).get("status", {}))

    def _container_log(self, pod: Key, container: str) -> str:
        try:
            text = self.logs(pod, container, _LOG_BYTES)
        except InvalidObjectError:
            return ""  # it did not start yet, so there is nothing to tell
        return f"==> {container}\n{text}" + ("" if text.endswith("\n") or not text else "\n")


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
