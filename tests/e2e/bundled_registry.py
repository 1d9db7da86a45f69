"""The registry of the release, whose two servers know an account each."""

import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import httpx2
from tests.e2e.kubectl import SYSTEM, Kubectl, Manifest

from raworc_crds.names import image_repository

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
PORTS = {"push": 5000, "pull": 5001}


@dataclass(frozen=True)
class BundledRegistry:
    """The registry, by the door of who may read the Secrets of the release."""

    kubectl: Kubectl

    def account(self, use: str) -> tuple[str, str]:
        """Read the user and the password of who pushes or pulls."""
        config = json.loads(b64decode(self.shown(use)))
        (entry,) = config["auths"].values()
        user, _, password = b64decode(entry["auth"]).decode().partition(":")
        return user, password

    def shown(self, use: str) -> str:
        """Read an account as its Secret has it for those who show it."""
        secret = self.kubectl.read("secret", f"raworc-registry-{use}", "-n", SYSTEM)
        assert secret
        return str(secret["data"][".dockerconfigjson"])

    @contextmanager
    def opened(self, use: str, account: tuple[str, str] | None) -> Iterator[httpx2.Client]:
        """Reach one of the two servers with an account, or with none."""
        (pod,) = self.kubectl.pods("registry")
        with (
            self.kubectl.forwarded(pod, PORTS[use]) as url,
            httpx2.Client(base_url=f"{url}/v2", auth=account) as client,
        ):
            yield client

    def old_copies(self) -> list[Manifest]:
        """List the copies of accounts, in the namespaces of spaces, that are not those of now."""
        return [
            copy
            for use in PORTS
            for copy in self.kubectl.every(
                "secrets", "-A", f"--field-selector=metadata.name=raworc-{use}"
            )
            if copy["data"] != {".dockerconfigjson": self.shown(use)}
        ]

    def used(self) -> int:
        """Say how many bytes the images take up on its volume."""
        (pod,) = self.kubectl.pods("registry")
        said = self.kubectl("exec", pod, "-n", SYSTEM, "--", "du", "-sk", "/var/lib/registry")
        return int(said.split()[0]) * 1024

    def tags(self, space: str) -> list[str]:
        """List the images of a space."""
        with self.opened("pull", self.account("pull")) as client:
            listed = client.get(f"/{image_repository(space)}/tags/list")
        assert listed.status_code in {httpx2.codes.OK, httpx2.codes.NOT_FOUND}
        return list(listed.json().get("tags") or [])

    def push_empty(self, space: str, tag: str) -> str:
        """Push an image with nothing in it and no label, and return its digest."""
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}}).encode()
        described = {"mediaType": CONFIG_TYPE, "size": len(config), "digest": _digest(config)}
        content: dict[str, Any] = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE}
        manifest = json.dumps(content | {"config": described, "layers": []}).encode()
        with self.opened("push", self.account("push")) as client:
            begun = client.post(f"/{image_repository(space)}/blobs/uploads/").raise_for_status()
            put = {"digest": _digest(config)}
            upload = httpx2.URL(begun.headers["Location"]).copy_merge_params(put)
            client.put(upload, content=config).raise_for_status()
            kind = {"Content-Type": MANIFEST_TYPE}
            path = f"/{image_repository(space)}/manifests/{tag}"
            client.put(path, content=manifest, headers=kind).raise_for_status()
        return _digest(manifest)


def _digest(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"
