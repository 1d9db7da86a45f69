"""A real image registry with accounts, as a process that is ready within a second.

The binary comes from the test bed's cache, else out of the image ``registry``.
"""

import json
import os
import signal
import socket
import ssl
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import yaml
from tests.support.authority import Certificate

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "registry"
IMAGE = "registry:3.1.2"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_START_SECONDS = 20


class Account(NamedTuple):
    """Someone whom a registry lets in, or not."""

    user: str
    password: str
    # The password as `htpasswd -B` writes it.
    hashed: str

    def shown_to(self, registry: str) -> str:
        """Write the account down as `docker login` does."""
        auth = b64encode(f"{self.user}:{self.password}".encode()).decode()
        return json.dumps({"auths": {registry: {"auth": auth}}})


PUSHER = Account(
    user="pusher",
    password="push-f3b1c9d27a",
    hashed="$2b$04$LXlPymFWN0nVfpse6ziWDuz07n6wrj91APmFw5IhWdx/2eV8O7V0m",
)
PULLER = Account(
    user="puller",
    password="pull-84e0d51c6b",
    hashed="$2b$04$rQat66L58zsgYmuZ/yfqtOzm4bwMDkhKV5Jo5mRBzmuAofAJBbcu.",
)
PULLER_ANEW = Account(
    user="puller",
    password="pull-anew-2d97a6",
    hashed="$2b$04$LxSvLuCcPVARTo4uJds7fOSc1x8bja90yaJETvavwVr64eSnsqBBq",
)


@dataclass
class RunningRegistry:
    """A registry, by the door of who runs it."""

    folder: Path
    port: int
    account: Account = PUSHER
    authorities: Path | None = None

    @property
    def host(self) -> str:
        """Where it answers."""
        return f"localhost:{self.port}"

    def let_in(self, *accounts: Account) -> None:
        """Know these accounts and no others, from now on."""
        lines = "".join(f"{account.user}:{account.hashed}\n" for account in accounts)
        file = self.folder / "htpasswd"
        file.write_text(lines)
        # It reads the file anew when its time changed, which on some disks has whole seconds.
        moment = time.time_ns() - hash(lines) % 10**12
        os.utime(file, ns=(moment, moment))

    def push(self, repository: str, tag: str, key: str | None = None, created: str = "") -> str:
        """Push an image without layers, and return its digest."""
        labels = {"dev.raworc.build-key": key} if key else {}
        config = json.dumps({"created": created, "config": {"Labels": labels}}).encode()
        described = {"mediaType": CONFIG_TYPE, "size": len(config), "digest": digest_of(config)}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": described}
        content = json.dumps({**manifest, "layers": []}).encode()
        begun = self.ask("POST", f"{repository}/blobs/uploads/")
        begun.raise_for_status()
        place = begun.headers["Location"]
        mark = "&" if "?" in place else "?"
        self.ask("PUT", f"{place}{mark}digest={digest_of(config)}", config).raise_for_status()
        self.ask("PUT", f"{repository}/manifests/{tag}", content).raise_for_status()
        return digest_of(content)

    def tags(self, repository: str) -> set[str]:
        """List the images of a repository."""
        listed = self.ask("GET", f"{repository}/tags/list")
        return set(listed.json().get("tags") or [])

    def ask(self, method: str, path: str, content: bytes = b"") -> httpx2.Response:
        """Send a request with the account."""
        scheme = "https" if self.authorities else "http"
        url = path if "://" in path else f"{scheme}://{self.host}/v2/{path}"
        kind = "application/octet-stream"
        if "/manifests/" in path:
            kind = json.loads(content)["mediaType"] if content else MANIFEST_TYPE
        return httpx2.request(
            method,
            url,
            content=content,
            auth=(self.account.user, self.account.password),
            headers={"Content-Type": kind},
            verify=ssl.create_default_context(cafile=self.authorities),
        )


def digest_of(content: bytes) -> str:
    """Name content as registries do."""
    return f"sha256:{sha256(content).hexdigest()}"


@contextmanager
def running_registry(
    folder: Path,
    certificate: Certificate | None = None,
    authorities: Path | None = None,
    **storage: Any,  # noqa: ANN401 - settings of its own
) -> Iterator[RunningRegistry]:
    """Run a registry on a free port; ``storage`` is added to its settings."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    registry = RunningRegistry(folder, port, authorities=authorities)
    registry.let_in(PUSHER)
    (folder / "config.yml").write_text(
        yaml.safe_dump(_settings(folder, port, certificate, storage))
    )
    environment = {"OTEL_TRACES_EXPORTER": "none"}
    with (folder / "log").open("wb") as log:
        command = [str(registry_binary()), "serve", str(folder / "config.yml")]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)  # noqa: S603 - ours
    try:
        _await_answer(registry, process)
        yield registry
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def registry_binary() -> Path:
    """Return the program, from the bed or out of its image."""
    found = sorted((Path.home() / ".cache" / "raworc-bed").glob("registry-*"))
    if found:
        return found[-1]
    if not (CACHE / "registry").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        container = _docker("create", IMAGE).strip()
        partial = CACHE / f"registry.{os.getpid()}"
        _docker("cp", f"{container}:/bin/registry", str(partial))
        _docker("rm", container)
        partial.rename(CACHE / "registry")
    return CACHE / "registry"


def _docker(*arguments: str) -> str:
    command = ["docker", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - fixed arguments


def _settings(
    folder: Path, port: int, certificate: Certificate | None, storage: dict[str, Any]
) -> dict[str, Any]:
    http: dict[str, Any] = {"addr": f"127.0.0.1:{port}"}
    if certificate:
        (folder / "chain.pem").write_text(certificate.chain)
        (folder / "key.pem").write_text(certificate.key)
        http["tls"] = {"certificate": str(folder / "chain.pem"), "key": str(folder / "key.pem")}
    data = {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}}
    return {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {**data, **storage},
        "http": http,
        "auth": {"htpasswd": {"realm": "registry", "path": str(folder / "htpasswd")}},
    }


def _await_answer(registry: RunningRegistry, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if registry.ask("GET", "").status_code == HTTPStatus.OK:
                return
        except httpx2.TransportError:
            time.sleep(0.02)
    raise AssertionError((registry.folder / "log").read_text())
