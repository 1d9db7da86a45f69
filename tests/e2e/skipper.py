"""Skipper as an ingress controller: in a namespace of its own, for the release of Raworc alone."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.evidence import said
from tests.e2e.kubectl import SYSTEM, Kubectl, Manifest
from tests.e2e.neighbours import RESTRICTED_CONTAINER, RESTRICTED_POD, restricted_namespace
from tests.e2e.relay import Address
from tests.e2e.waiting import STARTED

# The name of every object here, and the class of the Ingresses that it serves.
NAME = "e2e-ingress"

_PORT = 8443
_LABELS = {"app.kubernetes.io/name": NAME}
_RBAC = "rbac.authorization.k8s.io"
_FLAGS = [
    "-kubernetes",
    "-kubernetes-in-cluster",
    f"-kubernetes-namespace={SYSTEM}",
    f"-kubernetes-ingress-class=^{NAME}$",
    "-kubernetes-enable-tls",
    "-enable-kubernetes-endpointslices",
    "-wait-first-route-load",
    f"-address=:{_PORT}",
    # By default a response must be written within a minute, which ends event streams.
    "-write-timeout-server=0s",
]


@contextmanager
def installed(kubectl: Kubectl, image: str) -> Iterator[Address]:
    """Run the controller; it answers HTTPS at the address that is yielded."""
    with kubectl.applied(*_permissions(), *_workload(image)):
        deployment = (f"deployment/{NAME}", "-n", NAME)
        try:
            kubectl("rollout", "status", *deployment, f"--timeout={STARTED}s")
            yield _address(kubectl)
        finally:
            # Of a test that fails, pytest shows it; the controller itself is gone by then.
            sys.stdout.write(said(kubectl, ("logs", *deployment)))


def _address(kubectl: Kubectl) -> Address:
    node, *_ = kubectl.every("nodes")
    addresses = {one["type"]: one["address"] for one in node["status"]["addresses"]}
    service = kubectl.read("service", NAME, "-n", NAME)
    assert service
    return addresses["InternalIP"], service["spec"]["ports"][0]["nodePort"]


def _permissions() -> list[Manifest]:
    """Let the controller read what routes and certificates are made of."""
    readable = {
        "networking.k8s.io": ["ingresses"],
        "discovery.k8s.io": ["endpointslices"],
        "": ["services", "secrets"],
    }
    rules = [
        {"apiGroups": [group], "resources": resources, "verbs": ["get", "list"]}
        for group, resources in readable.items()
    ]
    return [
        restricted_namespace(NAME),
        _object("v1", "ServiceAccount"),
        _object(f"{_RBAC}/v1", "Role", SYSTEM, rules=rules),
        _object(
            f"{_RBAC}/v1",
            "RoleBinding",
            SYSTEM,
            roleRef={"apiGroup": _RBAC, "kind": "Role", "name": NAME},
            subjects=[{"kind": "ServiceAccount", "name": NAME, "namespace": NAME}],
        ),
    ]


def _workload(image: str) -> list[Manifest]:
    port = {"name": "https", "port": 443, "targetPort": _PORT}
    return [
        _object("v1", "Service", spec={"type": "NodePort", "selector": _LABELS, "ports": [port]}),
        _object(
            "apps/v1",
            "Deployment",
            spec={
                "selector": {"matchLabels": _LABELS},
                "template": {"metadata": {"labels": _LABELS}, "spec": _pod(image)},
            },
        ),
    ]


def _pod(image: str) -> Manifest:
    return {
        "serviceAccountName": NAME,
        "terminationGracePeriodSeconds": 1,
        "securityContext": RESTRICTED_POD,
        "containers": [
            {
                "name": "skipper",
                "image": image,
                "args": _FLAGS,
                "readinessProbe": {"tcpSocket": {"port": _PORT}, "periodSeconds": 1},
                "securityContext": RESTRICTED_CONTAINER,
            }
        ],
    }


def _object(version: str, kind: str, namespace: str = NAME, **fields: object) -> Manifest:
    metadata = {"name": NAME, "namespace": namespace}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}
