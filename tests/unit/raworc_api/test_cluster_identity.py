"""Reading what a TokenReview says."""

from typing import Any

import pytest

from raworc_api.cluster import PodIdentity, pod_identity

STATUS: dict[str, Any] = {
    "authenticated": True,
    "audiences": ["raworc-api"],
    "user": {
        "username": "system:serviceaccount:raworc-team:raworc-session",
        "extra": {
            "authentication.kubernetes.io/pod-name": ["one"],
            "authentication.kubernetes.io/pod-uid": ["pod-1"],
        },
    },
}


def user(**fields: object) -> dict[str, Any]:
    return {**STATUS, "user": {**STATUS["user"], **fields}}


def test_a_projected_token_names_its_pod() -> None:
    identity = PodIdentity("raworc-team", "raworc-session", "one", "pod-1")
    assert pod_identity(STATUS) == identity


@pytest.mark.parametrize(
    "status",
    [
        {},
        {**STATUS, "authenticated": False},
        {**STATUS, "audiences": ["https://kubernetes.default.svc"]},
        user(username="kubernetes-admin"),
        user(extra={}),
    ],
    ids=["nothing", "refused", "for another", "a person", "bound to no pod"],
)
def test_anything_else_proves_no_pod(status: dict[str, Any]) -> None:
    assert pod_identity(status) is None
