"""The namespace of a space, and what it contains before any session does."""

from raworc_crds.names import SESSION_ACCOUNT, space_namespace
from raworc_kube.objects import Manifest, owner_reference
from raworc_operator.labels import labels

_COMPONENT = "space"


def namespace(space: Manifest, prefix: str) -> Manifest:
    """Build the namespace that a space owns, and with which all that is in it goes."""
    name = space["metadata"]["name"]
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": space_namespace(name, prefix),
            "labels": {
                **labels(name, _COMPONENT),
                # Builds run here too, and Kaniko needs root in its container; what does not meet
                # the restricted level is at least said so.
                "pod-security.kubernetes.io/enforce": "baseline",
                "pod-security.kubernetes.io/warn": "restricted",
                "pod-security.kubernetes.io/audit": "restricted",
            },
            "ownerReferences": [owner_reference(space)],
        },
    }


def session_account(space: str, namespace_name: str) -> Manifest:
    """Build the account of the session pods; it may do nothing, and has no token of its own."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": SESSION_ACCOUNT,
            "namespace": namespace_name,
            "labels": labels(space, _COMPONENT),
        },
        "automountServiceAccountToken": False,
    }
