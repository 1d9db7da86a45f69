"""The registry's accounts in the namespace of a space: one for its builds, one for the nodes."""

from base64 import b64encode

from raworc_kube.objects import Manifest
from raworc_operator.labels import labels
from raworc_operator.settings import Settings

PUSH_SECRET = "raworc-push"  # noqa: S105 - a name, not a secret
PULL_SECRET = "raworc-pull"  # noqa: S105 - the same
# The one key that Kubernetes wants in a Secret of this type.
ACCOUNTS_KEY = ".dockerconfigjson"


def registry_secret(space: str, namespace: str, name: str, accounts: bytes) -> Manifest:
    """Build the Secret that holds accounts as `docker login` writes them."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": labels(space, "space")},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {ACCOUNTS_KEY: b64encode(accounts).decode()},
    }


def image_pull_secrets(settings: Settings) -> list[Manifest]:
    """Say with which Secret the nodes pull the images of a pod."""
    return [{"name": PULL_SECRET}] if settings.registry_pull_account else []
