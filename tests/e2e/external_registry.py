"""A registry with accounts and a private authority, as a company has one outside of Raworc."""

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import requests
from dxf import DXF, DXFBase
from tests.e2e.bundled_registry import BundledRegistry
from tests.e2e.external_services import NAMESPACE, PORTS, REGISTRY_OF_NODES
from tests.e2e.kubectl import SYSTEM, Kubectl, Manifest
from tests.support.authority import Authority
from tests.support.registry import PUSHER, Account

# A registry of many has a folder for us.
FOLDER = "team"
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


@dataclass(frozen=True)
class ExternalRegistry:
    """The registry, by the door of who runs it."""

    kubectl: Kubectl
    # The authority's certificate.
    trusted: Path

    def let_in(self, *accounts: Account) -> None:
        """Know these accounts and no others, from now on."""
        lines = "".join(f"{account.user}:{account.hashed}\n" for account in accounts)
        write = ("sh", "-c", "cat > /accounts/htpasswd")
        self.kubectl("exec", "-i", "registry", "-n", NAMESPACE, "--", *write, given=lines)

    def tags(self, repository: str) -> list[str]:
        """List the images of a repository in our folder."""
        trusting = ssl.create_default_context(cafile=self.trusted)
        with self._reached() as host:
            listed = httpx2.get(
                f"https://{host}/v2/{FOLDER}/{repository}/tags/list",
                auth=(PUSHER.user, PUSHER.password),
                verify=trusting,
            )
        assert listed.status_code in {httpx2.codes.OK, httpx2.codes.NOT_FOUND}
        return list(listed.json().get("tags") or [])

    def take_over(self, repository: str, tag: str) -> None:
        """Copy an image of the bundled registry into our folder."""
        bundled = BundledRegistry(self.kubectl)

        def log_in(images: DXFBase, response: requests.Response) -> None:
            images.authenticate(PUSHER.user, PUSHER.password, response=response)

        with (
            self._reached() as host,
            bundled.opened("pull", bundled.account("pull")) as theirs,
        ):
            ours = DXF(host, f"{FOLDER}/{repository}", log_in, tlsverify=str(self.trusted))
            kinds = {"Accept": ", ".join(MANIFEST_TYPES)}
            found = theirs.get(f"/{repository}/manifests/{tag}", headers=kinds).raise_for_status()
            content = found.json()
            for blob in (content["config"], *content["layers"]):
                path = f"/{repository}/blobs/{blob['digest']}"
                with theirs.stream("GET", path) as pieces:
                    ours.push_blob(data=pieces.iter_bytes(), digest=blob["digest"])
            ours.set_manifest(tag, found.text)

    @contextmanager
    def _reached(self) -> Iterator[str]:
        with self.kubectl.forwarded("registry", PORTS["registry"], NAMESPACE) as url:
            yield url.partition("//")[2]


@contextmanager
def trusted_by_nodes(kubectl: Kubectl, authority: Authority) -> Iterator[None]:
    """Tell containerd whom to trust at the registry, in the way that hack/kind.yaml opens."""
    folder = f"/etc/containerd/certs.d/{REGISTRY_OF_NODES}"
    hosts = f'[host."https://{REGISTRY_OF_NODES}"]\n  ca = "{folder}/ca.crt"\n'
    nodes = [node["metadata"]["name"] for node in kubectl.every("nodes")]
    for node in nodes:
        _on_node(node, f"mkdir -p {folder} && cat > {folder}/ca.crt", authority.pem)
        _on_node(node, f"cat > {folder}/hosts.toml", hosts)
    try:
        yield
    finally:
        for node in nodes:
            _on_node(node, f"rm -r {folder}")


def account_secret(name: str, account: Account, registry: str) -> Manifest:
    """Write a Secret of the release's namespace, as `kubectl create secret docker-registry`."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": SYSTEM},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": account.shown_to(registry)},
    }


def _on_node(node: str, script: str, given: str = "") -> None:
    # A node of kind is a container of its name.
    command = ["docker", "exec", "-i", node, "sh", "-c", script]
    subprocess.run(command, input=given, text=True, check=True, timeout=30)  # noqa: S603 - ours
