"""The API server that other tests believe: it knows who asks, and what he may."""

from http import HTTPStatus

import pytest
from tests.support.kubernetes import KubeApi, RefusedError

REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"


def test_an_account_without_a_role_reads_nothing(kube_api: KubeApi, namespace: str) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    assert kube_api.ask("GET", pods)["items"] == []
    with pytest.raises(RefusedError, match="cannot list resource") as refused:
        kube_api.as_account(namespace, "default").ask("GET", pods)
    assert refused.value.status == HTTPStatus.FORBIDDEN


def test_a_token_made_for_a_pod_proves_the_pod(kube_api: KubeApi, namespace: str) -> None:
    container = {"name": "one", "image": "none"}
    made = {"metadata": {"name": "talk"}, "spec": {"containers": [container]}}
    pod = kube_api.ask("POST", f"/api/v1/namespaces/{namespace}/pods", made)
    token = kube_api.as_account(namespace, "default", "raworc-api", pod).token
    review = {"spec": {"token": token, "audiences": ["raworc-api"]}}
    status = kube_api.ask("POST", REVIEWS, review)["status"]
    assert status["authenticated"]
    uid = pod["metadata"]["uid"]
    assert status["user"]["extra"]["authentication.kubernetes.io/pod-uid"] == [uid]


def test_a_definition_refuses_what_it_does_not_allow(kube_api: KubeApi) -> None:
    space = {
        "apiVersion": "raworc.dev/v1alpha1",
        "kind": "Space",
        "metadata": {"name": "system"},
        "spec": {},
    }
    with pytest.raises(RefusedError, match="must not be named 'system'"):
        kube_api.ask("POST", "/apis/raworc.dev/v1alpha1/spaces", space)
