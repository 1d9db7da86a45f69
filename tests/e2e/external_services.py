"""What a company has outside of Raworc: a registry and a Git server, both over HTTPS.

Their certificates are of an authority that nobody knows who was not told of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.kubectl import SYSTEM, Kubectl, Manifest
from tests.e2e.neighbours import (
    RESTRICTED_CONTAINER,
    RESTRICTED_POD,
    restricted_namespace,
    tls_secret,
)
from tests.support.authority import Authority

NAMESPACE = "e2e-external"
# Where their pods listen.
PORTS = {"registry": 5000, "git": 8443}
REGISTRY = f"registry.{NAMESPACE}.svc:5000"
# By which the node reaches it, as it does not know the names of services.
NODE_PORT = 30501
REGISTRY_OF_NODES = f"localhost:{NODE_PORT}"
GIT = f"git.{NAMESPACE}.svc"

_GIT_SERVER = Path(__file__).parents[1] / "support" / "https_git_server.py"


@contextmanager
def external_services(kubectl: Kubectl, authority: Authority, repository: str) -> Iterator[None]:
    """Run both servers; that of Git has this repository of the cluster's own Git server."""
    with kubectl.applied(restricted_namespace(NAMESPACE)):
        kubectl.apply(*_certificates(authority), _program(), *_services())
        kubectl.apply(_registry(_image(kubectl, "registry")), _git(kubectl, repository))
        kubectl.wait(("pod", "registry", "git", "-n", NAMESPACE), "condition=Ready")
        yield


def _image(kubectl: Kubectl, part: str) -> str:
    path = "jsonpath={.spec.template.spec.containers[0].image}"
    return kubectl("get", "deployment", f"raworc-{part}", "-n", SYSTEM, "-o", path)


def _certificates(authority: Authority) -> Iterator[Manifest]:
    for server in PORTS:
        # From here it is reached through a tunnel.
        names = (f"{server}.{NAMESPACE}.svc", "localhost", "127.0.0.1")
        yield tls_secret(f"{server}-tls", NAMESPACE, authority.certificate(*names))


def _program() -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "program", "namespace": NAMESPACE},
        "data": {_GIT_SERVER.name: _GIT_SERVER.read_text()},
    }


def _services() -> Iterator[Manifest]:
    for server, port, kind, more in (
        ("registry", 5000, "NodePort", {"nodePort": NODE_PORT}),
        ("git", 443, "ClusterIP", {}),
    ):
        ports = [{"port": port, "targetPort": PORTS[server], **more}]
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": server, "namespace": NAMESPACE},
            "spec": {"type": kind, "selector": {"app": server}, "ports": ports},
        }


def _registry(image: str) -> Manifest:
    told = {
        "REGISTRY_AUTH": "htpasswd",
        "REGISTRY_AUTH_HTPASSWD_REALM": "registry",
        "REGISTRY_AUTH_HTPASSWD_PATH": "/accounts/htpasswd",
        "REGISTRY_HTTP_TLS_CERTIFICATE": "/tls/tls.crt",
        "REGISTRY_HTTP_TLS_KEY": "/tls/tls.key",
        "REGISTRY_STORAGE_DELETE_ENABLED": "true",
        "OTEL_TRACES_EXPORTER": "none",
    }
    container = {"image": image, "env": [{"name": key, "value": told[key]} for key in told]}
    return _pod("registry", container, {"accounts": "/accounts", "data": "/var/lib/registry"})


def _git(kubectl: Kubectl, repository: str) -> Manifest:
    program = f"/program/{_GIT_SERVER.name}"
    clone = f"git clone --quiet --mirror git://git.demo-git.svc/{repository}.git"
    serve = f"exec python -u {program} /repositories /tls/tls.crt /tls/tls.key {PORTS['git']}"
    script = f"{clone} /repositories/{repository}.git && {serve}"
    container = {"image": _image(kubectl, "operator"), "command": ["sh", "-c", script]}
    pod = _pod("git", container, {"repositories": "/repositories", "tmp": "/tmp"})  # noqa: S108
    pod["spec"]["containers"][0]["volumeMounts"].append(
        {"name": "program", "mountPath": "/program"}
    )
    pod["spec"]["volumes"].append({"name": "program", "configMap": {"name": "program"}})
    return pod


def _pod(name: str, container: Manifest, empty: dict[str, str]) -> Manifest:
    """Write a pod that serves over TLS, and where it may write."""
    mounts = [{"name": volume, "mountPath": path} for volume, path in empty.items()]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": name}},
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": RESTRICTED_POD | {"fsGroup": 10001},
            "containers": [
                {
                    "name": name,
                    **container,
                    "readinessProbe": {"tcpSocket": {"port": PORTS[name]}, "periodSeconds": 1},
                    "securityContext": RESTRICTED_CONTAINER,
                    "volumeMounts": [*mounts, {"name": "tls", "mountPath": "/tls"}],
                }
            ],
            "volumes": [
                *({"name": volume, "emptyDir": {}} for volume in empty),
                {"name": "tls", "secret": {"secretName": f"{name}-tls"}},
            ],
        },
    }
