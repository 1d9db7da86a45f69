"""The certificate authorities that builds trust beside the usual ones."""

from raworc_kube.objects import Manifest
from raworc_operator.labels import BUILD_COMPONENT, labels

AUTHORITIES_NAME = "raworc-ca"
AUTHORITIES_KEY = "ca.crt"


def authorities(space: str, namespace: str, text: str) -> Manifest:
    """Build the map that build pods mount."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": AUTHORITIES_NAME,
            "namespace": namespace,
            "labels": labels(space, BUILD_COMPONENT),
        },
        "data": {AUTHORITIES_KEY: text},
    }
