"""A real kube-apiserver on a real etcd, as two processes that are ready within seconds.

Nothing runs in it: no controller, no scheduler, no kubelet. Namespaces are never emptied, owned
objects stay when their owner goes, and pods have the status that a test writes. What is real is all
that the API server does: validation, defaults, admission, versions, field managers, RBAC, watches.

The binaries come from ``KUBEBUILDER_ASSETS``, else from the test bed's cache, else out of the
images of ``registry.k8s.io``.
"""

import json
import os
import re
import secrets
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2
import yaml
from kubernetes import client
from tests.support.authority import Authority

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "kubernetes"
ETCD_IMAGE = "registry.k8s.io/etcd:3.6.5-0"
DEFINITIONS = ROOT / "crds"
DEFINITIONS_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

JSON = "application/json"
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"

_START_SECONDS = 60
_SERVED_SECONDS = 20
_PARTS = ("kube-apiserver", "etcd")

Manifest = dict[str, Any]


class RefusedError(Exception):
    """The API server answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class KubeApi:
    """A running API server, seen by its administrator or by somebody whose token is given."""

    def __init__(self, url: str, authorities: Path, token: str) -> None:
        self.url, self.authorities, self.token = url, authorities, token
        self._http = httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            verify=ssl.create_default_context(cafile=str(authorities)),
            timeout=30,
        )
        self._others: list[KubeApi] = []

    def close(self) -> None:
        """Close the connections, also those of the accounts that it gave."""
        self._http.close()
        for account in self._others:
            account.close()

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> Manifest:
        """Send one request and return the answer; errors are raised."""
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": content_type}
        answer = self._http.request(method, path, content=content, headers=headers, params=query)
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            raise RefusedError(answer.status_code, answer.text)
        found: Manifest = answer.json()
        return found

    def text(self, path: str) -> str:
        """Return what is at a path that is no object."""
        return self._http.get(path).text

    def find(self, path: str) -> Manifest | None:
        """Return what is at a path, or None where nothing is."""
        try:
            return self.ask("GET", path)
        except RefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def client(self) -> client.ApiClient:
        """Return a client of the official library."""
        configuration = client.Configuration()
        configuration.host = self.url
        configuration.ssl_ca_cert = str(self.authorities)
        configuration.api_key = {"authorization": f"Bearer {self.token}"}
        return client.ApiClient(configuration)

    def kubeconfig(self) -> Manifest:
        """Return a kubeconfig, for whoever finds the cluster by one."""
        cluster = {"server": self.url, "certificate-authority": str(self.authorities)}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": self.token}}],
        }

    def as_account(
        self, namespace: str, name: str, audience: str | None = None, pod: Manifest | None = None
    ) -> "KubeApi":
        """Return the API server as a service account sees it, or one of its pods."""
        spec: Manifest = {"audiences": [audience] if audience else []}
        if pod:
            identity = {"name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
            spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Pod", **identity}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        token = self.ask("POST", path, request)["status"]["token"]
        account = KubeApi(self.url, self.authorities, token)
        self._others.append(account)
        return account

    def make_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Make a namespace with the service account that a controller would give it."""
        metadata = {"name": name, "labels": dict(labels or {})}
        self.ask("POST", "/api/v1/namespaces", {"metadata": metadata})
        accounts = f"/api/v1/namespaces/{name}/serviceaccounts"
        self.ask("POST", accounts, {"metadata": {"name": "default"}})

    def install_definitions(self) -> None:
        """Install our custom resource definitions, and wait until they are served."""
        for file in sorted(DEFINITIONS.glob("*.yaml")):
            self._await_served(self.ask("POST", DEFINITIONS_PATH, yaml.safe_load(file.read_text())))

    def change_definition(self, name: str, spec: Manifest) -> None:
        """Change a custom resource definition, and wait until it is served again."""
        path = f"{DEFINITIONS_PATH}/{name}"
        self._await_served(self.ask("PATCH", path, {"spec": spec}, MERGE))

    def is_ready(self) -> bool:
        """Say whether the server answers and all of its start hooks ran."""
        try:
            return self._http.get("/readyz").status_code == HTTPStatus.OK
        except httpx2.TransportError:
            return False

    def _await_served(self, definition: Manifest) -> None:
        spec = definition["spec"]
        path = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
        deadline = time.monotonic() + _SERVED_SECONDS
        while not self._serves(path):
            assert time.monotonic() < deadline, f"{path} was not served."
            time.sleep(0.05)

    def _serves(self, path: str) -> bool:
        try:
            self.ask("GET", path)
        except RefusedError as error:
            # Not found at first, then "storage is (re)initializing".
            if error.status in {HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS}:
                return False
            raise
        return True


@contextmanager
def running_kube_api(folder: Path) -> Iterator[KubeApi]:
    """Run etcd and kube-apiserver with their files in a folder, and stop them at the end."""
    binaries = find_binaries(folder)
    etcd, peers, secure = _free_ports(3)
    token = secrets.token_hex()
    _write_credentials(folder, token)
    api = KubeApi(f"https://127.0.0.1:{secure}", folder / "ca.pem", token)
    with ExitStack() as stack:
        stack.callback(api.close)
        processes = (
            stack.enter_context(_process(binaries / "etcd", folder, _etcd_flags(etcd, peers))),
            stack.enter_context(
                _process(binaries / "kube-apiserver", folder, _api_flags(secure, etcd))
            ),
        )
        deadline = time.monotonic() + _START_SECONDS
        while not api.is_ready():
            assert all(process.poll() is None for process in processes), _logs(folder)
            assert time.monotonic() < deadline, _logs(folder)
            time.sleep(0.1)
        api.install_definitions()
        yield api


def find_binaries(folder: Path) -> Path:
    """Return a folder with kube-apiserver and etcd."""
    given = os.environ.get("KUBEBUILDER_ASSETS")
    if given:
        return Path(given)
    version = kubernetes_version()
    both = Path.home() / ".cache" / "raworc-bed" / f"hyperkube-{version}"
    if both.exists():
        for part in _PARTS:
            (folder / part).symlink_to(both)
        return folder
    if not all((CACHE / part).exists() for part in _PARTS):
        CACHE.mkdir(parents=True, exist_ok=True)
        _copy_out(f"registry.k8s.io/kube-apiserver:v{version}", _PARTS[0])
        _copy_out(ETCD_IMAGE, _PARTS[1])
    return CACHE


def kubernetes_version() -> str:
    """Return the version of Kubernetes that the bed has."""
    text = (ROOT / "hack" / "bed" / "versions.env").read_text()
    found = re.search(r"^KUBERNETES_VERSION=(\S+)$", text, re.MULTILINE)
    assert found is not None
    return found[1]


def _copy_out(image: str, part: str) -> None:
    container = _docker("create", image).strip()
    # Two runs may do this at once: each copies under a name of its own and renames.
    partial = CACHE / f"{part}.{os.getpid()}"
    try:
        _docker("cp", f"{container}:/usr/local/bin/{part}", str(partial))
    finally:
        _docker("rm", container)
    partial.rename(CACHE / part)


def _docker(*arguments: str) -> str:
    command = ["docker", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - fixed arguments


def _write_credentials(folder: Path, token: str) -> None:
    authority = Authority()
    certificate = authority.certificate("127.0.0.1", "localhost")
    # Tokens of service accounts are signed with a key that is no certificate's.
    accounts = Authority().certificate("accounts")
    files = {
        "ca.pem": authority.pem,
        "server.pem": certificate.chain,
        "server.key": certificate.key,
        "accounts.pem": accounts.chain,
        "accounts.key": accounts.key,
        "tokens.csv": f"{token},admin,admin,system:masters\n",
    }
    for name, content in files.items():
        (folder / name).write_text(content)


def _etcd_flags(port: int, peers: int) -> dict[str, str]:
    own, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peers}"
    return {
        "data-dir": "data",
        "listen-client-urls": own,
        "advertise-client-urls": own,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
        # Nothing here outlives the run, so nothing has to reach a disk.
        "unsafe-no-fsync": "true",
        "log-level": "error",
    }


def _api_flags(port: int, etcd: int) -> dict[str, str]:
    return {
        "etcd-servers": f"http://127.0.0.1:{etcd}",
        "bind-address": "127.0.0.1",
        "secure-port": str(port),
        "tls-cert-file": "server.pem",
        "tls-private-key-file": "server.key",
        "cert-dir": ".",
        "authorization-mode": "RBAC",
        "token-auth-file": "tokens.csv",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": "accounts.pem",
        "service-account-signing-key-file": "accounts.key",
        "service-cluster-ip-range": "10.96.0.0/16",
    }


@contextmanager
def _process(
    binary: Path, folder: Path, flags: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    # setpriv: a run that is killed takes its servers with it.
    command = ["setpriv", "--pdeathsig", "KILL", str(binary)]
    command += [f"--{name}={value}" for name, value in flags.items()]
    with (folder / f"{binary.name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)  # noqa: S603 - fixed arguments
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _logs(folder: Path) -> str:
    files = sorted(folder.glob("*.log"))
    return "\n".join(f"{file.name}:\n{file.read_text()}" for file in files)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
