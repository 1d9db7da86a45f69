"""Parts of the manifests of whatever else runs in the cluster, beside Raworc."""

from tests.e2e.kubectl import Manifest
from tests.support.authority import Certificate

# What a pod and its container must say of themselves in a restricted namespace, and more.
RESTRICTED_POD: Manifest = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}
RESTRICTED_CONTAINER: Manifest = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def restricted_namespace(name: str) -> Manifest:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": labels},
    }


def tls_secret(name: str, namespace: str, certificate: Certificate) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": certificate.chain, "tls.key": certificate.key},
    }
