"""Amounts and keys as the API server judges them: what the models refuse, it refuses at once."""

from typing import Any

import pytest
from tests.support.kubernetes import KubeApi, RefusedError

GROUP = "/apis/raworc.dev/v1alpha1"
DRY = {"dryRun": "All"}


def create(kube_api: KubeApi, kind: str, **spec: Any) -> None:  # noqa: ANN401 - any JSON
    body = {"apiVersion": "raworc.dev/v1alpha1", "kind": kind, "metadata": {"name": "talk"}}
    path = "spaces" if kind == "Space" else "namespaces/default/agentsessions"
    own = {} if kind == "Space" else {"space": "team"}
    kube_api.ask("POST", f"{GROUP}/{path}", {**body, "spec": own | spec}, query=DRY)


@pytest.mark.parametrize("kind", ["Space", "AgentSession"])
@pytest.mark.parametrize("amount", ["0", "0.0", "000Mi", 0, -1, "-1", "much"])
@pytest.mark.parametrize("part", ["requests", "limits"])
def test_an_amount_that_is_nothing_is_refused(
    kube_api: KubeApi, kind: str, part: str, amount: object
) -> None:
    with pytest.raises(RefusedError, match=rf"spec\.resources\.{part}\.memory"):
        create(kube_api, kind, resources={part: {"memory": amount}})
    with pytest.raises(RefusedError, match=r"spec\.storageSize"):
        create(kube_api, kind, storageSize=amount)


def test_why_an_amount_is_refused_is_said_in_words(kube_api: KubeApi) -> None:
    with pytest.raises(RefusedError, match="must be more than 0"):
        create(kube_api, "AgentSession", resources={"limits": {"cpu": "0"}})


@pytest.mark.parametrize("amount", ["500m", "0.5", "1.5Gi", 1, "10", "0.05"])
def test_amounts_of_something_are_accepted(kube_api: KubeApi, amount: object) -> None:
    amounts = {"cpu": amount, "memory": amount}
    create(kube_api, "AgentSession", resources={"limits": amounts}, storageSize=amount)


def test_a_quota_may_leave_nothing_but_not_less(kube_api: KubeApi) -> None:
    create(kube_api, "Space", quota={"cpu": 0, "memory": "0", "storage": "10Gi"})
    for name in ("cpu", "memory", "storage"):
        with pytest.raises(RefusedError, match=rf"spec\.quota\.{name}.*must not be less than 0"):
            create(kube_api, "Space", quota={name: -1})


@pytest.mark.parametrize(("kind", "field"), [("Space", "settings"), ("AgentSession", "metadata")])
def test_keys_are_bounded(kube_api: KubeApi, kind: str, field: str) -> None:
    create(kube_api, kind, **{field: {"k" * 63: "v", "k": "v"}})
    for key in ("", "k" * 64):
        with pytest.raises(RefusedError, match="keys must have 1 to 63 characters"):
            create(kube_api, kind, **{field: {key: "v"}})
