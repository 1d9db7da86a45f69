"""The cluster under measurement: bare objects as baselines, and the streams of its watches."""

import json
from base64 import b64decode
from collections.abc import Iterable
from time import sleep
from typing import Any, cast

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3 import HTTPResponse

from bench.watch import Manifest
from raworc_crds import group, space

SYSTEM = "raworc-system"
AGENT = "agent"
QUIET_LOOKS = 600
_NOT_FOUND = 404


class Cluster:
    """One cluster, by the kubeconfig of whoever measures."""

    def __init__(self, context: str) -> None:
        api = config.new_client_from_config(context=context)  # type: ignore[no-untyped-call]
        self._core = client.CoreV1Api(api)
        self._batch = client.BatchV1Api(api)
        self._custom = client.CustomObjectsApi(api)

    def pod_events(self, namespace: str) -> Iterable[bytes]:
        """Follow the pods of a namespace, one line of JSON an event."""
        # The client's own watch makes a model of every pod, which takes too long to time by.
        pods = self._core.list_namespaced_pod(namespace, watch=True, _preload_content=False)
        return _raw(pods)

    def space_events(self) -> Iterable[bytes]:
        """Follow all spaces, one line of JSON an event."""
        kind = (group.GROUP, group.VERSION, space.PLURAL)
        return _raw(
            self._custom.list_cluster_custom_object(*kind, watch=True, _preload_content=False)
        )

    def read_password(self) -> str:
        """Read the password of the account `admin`."""
        try:
            secret = self._core.read_namespaced_secret(
                "raworc-admin", SYSTEM, _preload_content=False
            )
        except ApiException as error:
            if error.status != _NOT_FOUND:
                raise
            raise SystemExit(
                "Raworc is not installed in this cluster; `make up` does it."
            ) from None
        return b64decode(_plain(secret)["data"]["password"]).decode()

    def delete_space(self, name: str) -> None:
        """Delete a space, if it exists."""
        kind = (group.GROUP, group.VERSION, space.PLURAL)
        try:
            self._custom.delete_cluster_custom_object(*kind, name)
        except ApiException as error:
            if error.status != _NOT_FOUND:
                raise

    def read_memory(self, pod: str, namespace: str) -> dict[str, int]:
        """Read the working set of each container of a pod, by name, as its kubelet counts it."""
        node = self.read_pod(pod, namespace)["spec"]["nodeName"]
        found = _plain(
            self._core.connect_get_node_proxy_with_path(
                node, "stats/summary", _preload_content=False
            )
        )
        for one in found["pods"]:
            if (one["podRef"]["name"], one["podRef"]["namespace"]) == (pod, namespace):
                return {
                    container["name"]: container.get("memory", {}).get("workingSetBytes", 0)
                    for container in one.get("containers", [])
                }
        return {}

    def read_pod(self, name: str, namespace: str) -> Manifest:
        """Read a pod as it would stand in YAML."""
        return _plain(self._core.read_namespaced_pod(name, namespace, _preload_content=False))

    def read_claim(self, name: str, namespace: str) -> Manifest:
        """Read a volume claim as it would stand in YAML."""
        read = self._core.read_namespaced_persistent_volume_claim
        return _plain(read(name, namespace, _preload_content=False))

    def create_pod(self, pod: Manifest, namespace: str) -> None:
        """Create a pod."""
        self._core.create_namespaced_pod(namespace, cast("Any", pod))

    def create_claim(self, claim: Manifest, namespace: str) -> None:
        """Create a volume claim."""
        self._core.create_namespaced_persistent_volume_claim(namespace, cast("Any", claim))

    def delete_pod(self, name: str, namespace: str) -> None:
        """Delete a pod that has nothing to finish, but let the kubelet say that it ended."""
        self._core.delete_namespaced_pod(name, namespace, grace_period_seconds=1)

    def delete_claim(self, name: str, namespace: str) -> None:
        """Delete a volume claim and with it its volume."""
        self._core.delete_namespaced_persistent_volume_claim(name, namespace)

    def count_jobs(self, namespace: str) -> int:
        """Count the build Jobs of a space."""
        return len(
            _plain(self._batch.list_namespaced_job(namespace, _preload_content=False))["items"]
        )

    def wait_quiet(self, namespace: str, volumes: int) -> None:
        """Wait until the node has cleaned up: no volume of the namespace but so many."""
        for _ in range(QUIET_LOOKS):
            found = _plain(self._core.list_persistent_volume(_preload_content=False))["items"]
            claims = [volume["spec"].get("claimRef", {}) for volume in found]
            if sum(claim.get("namespace") == namespace for claim in claims) <= volumes:
                return
            sleep(0.1)
        raise TimeoutError(f"The volumes of {namespace} are not cleaned up.")

    def versions(self) -> dict[str, str]:
        """Say what the node runs."""
        nodes = _plain(self._core.list_node(_preload_content=False))["items"]
        info = nodes[0]["status"]["nodeInfo"]
        return {
            "Kubernetes": info["kubeletVersion"],
            "container runtime": info["containerRuntimeVersion"],
            "kernel": info["kernelVersion"],
        }


def _raw(answer: object) -> HTTPResponse:
    # With `_preload_content=False` the client gives the answer itself, against its annotations.
    return cast("HTTPResponse", answer)


def _plain(answer: object) -> Manifest:
    return dict(json.loads(_raw(answer).data))


def bare_pod(name: str, like: Manifest, claim: str | None = None) -> Manifest:
    """Build a pod of one container that does nothing, like the agents' container of a session."""
    *_, container = sorted(like["spec"]["containers"], key=lambda one: one["name"] == AGENT)
    kept = ("image", "imagePullPolicy", "resources", "securityContext")
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}] if claim else []
    mounts = [{"name": "data", "mountPath": "/session"}] if claim else []
    bare = {"name": "bare", "command": ["sleep", "infinity"], "volumeMounts": mounts}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": "Never",
            "securityContext": like["spec"]["securityContext"],
            # A kubelet asks who may use an image, also when its node has it already.
            "imagePullSecrets": like["spec"].get("imagePullSecrets", []),
            "volumes": volumes,
            "containers": [bare | {key: container[key] for key in kept if key in container}],
        },
    }


def bare_claim(name: str, like: Manifest) -> Manifest:
    """Build a claim with the wishes of a session's claim."""
    kept = ("accessModes", "resources", "storageClassName")
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {key: like["spec"][key] for key in kept if key in like["spec"]},
    }
