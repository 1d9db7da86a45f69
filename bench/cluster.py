"""The cluster under measurement: bare objects as baselines, and the streams of its watches."""

import json
from collections.abc import Iterable
from time import sleep
from typing import Any, cast

from kubernetes import client, config
from urllib3 import HTTPResponse

from bench.watch import Manifest
from raworc_crds import group, space

QUIET_LOOKS = 600


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
    """Build a pod that does nothing, with the image and the limits of a session's pod."""
    (container,) = like["spec"]["containers"]
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
