"""The children as they are written: valid to Kubernetes' own models, and as safe as promised."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import (
    CoreV1Event,
    V1ConfigMap,
    V1Job,
    V1Namespace,
    V1NetworkPolicy,
    V1PersistentVolumeClaim,
    V1Pod,
    V1ResourceQuota,
    V1Secret,
    V1ServiceAccount,
)
from tests.support.golden import Golden
from tests.support.sources import BASE_IMAGES
from tests.unit.raworc_operator.samples import (
    COMMIT,
    NOON,
    NOON_TEXT,
    SETTINGS,
    session,
    source,
    space,
    view,
)

from raworc_crds.space import Quota, SpaceSpec
from raworc_crds.wire import Amounts, Resources, dump
from raworc_kube.objects import Manifest
from raworc_operator.builds.authorities import authorities
from raworc_operator.builds.decision import new_build
from raworc_operator.builds.job import BUILD_LIMITS, build_job
from raworc_operator.builds.key import PinnedAgent
from raworc_operator.events import event
from raworc_operator.sessions.pod import HOST_LIMITS, session_pod
from raworc_operator.sessions.resources import session_resources
from raworc_operator.sessions.volume import session_claim
from raworc_operator.spaces.namespace import (
    namespace,
    session_account,
)
from raworc_operator.spaces.network_policy import network_policies
from raworc_operator.spaces.quota import space_quota
from raworc_operator.spaces.registry_secret import image_pull_secrets, registry_secret

AGENTS = [PinnedAgent(source(), COMMIT)]
BUILD = new_build(AGENTS, "0123456789ab" + "0" * 52, None, None, NOON_TEXT)
TRUSTING = replace(SETTINGS, authorities="PEM")
KNOWN = replace(
    SETTINGS,
    registry_insecure=False,
    registry_push_account=Path("push.json"),
    registry_pull_account=Path("pull.json"),
)


def job(settings: Any = SETTINGS) -> Manifest:  # noqa: ANN401
    return build_job(space(), AGENTS, BUILD, BASE_IMAGES, settings)


def pod(**spec: Any) -> Manifest:  # noqa: ANN401
    return session_pod(view(session(**spec)), SETTINGS)


def containers(made: Manifest) -> dict[str, Manifest]:
    return {container["name"]: container for container in made["spec"]["containers"]}


def environment(container: str, **spec: Any) -> dict[str, str]:  # noqa: ANN401
    return {item["name"]: item["value"] for item in containers(pod(**spec))[container]["env"]}


def told() -> Manifest:
    made = event(space(), "BuildStarted", "It began.", NOON, warning=False)
    name, _, chance = made["metadata"]["name"].partition(".")
    assert chance
    made["metadata"]["name"] = f"{name}.by-chance"
    return made


# Every builder, with what makes a difference to it: name of its golden file → model, manifest.
MANIFESTS: dict[str, tuple[Any, Manifest]] = {
    "pod": (V1Pod, pod(agent="echo")),
    "pod-with-account": (V1Pod, session_pod(view(), SETTINGS, image_pull_secrets(KNOWN))),
    "volume": (V1PersistentVolumeClaim, session_claim(view())),
    "job": (V1Job, job()),
    "job-with-authorities": (V1Job, job(TRUSTING)),
    "job-with-accounts": (V1Job, job(KNOWN)),
    "secret": (V1Secret, registry_secret("team", "raworc-team", "raworc-push", b"{}")),
    "namespace": (V1Namespace, namespace(space(), "raworc-")),
    "service-account": (V1ServiceAccount, session_account("team", "raworc-team")),
    "config-map": (V1ConfigMap, authorities("team", "raworc-team", "PEM")),
    "quota": (
        V1ResourceQuota,
        space_quota("team", "raworc-team", Quota(sessions=1, cpu="2", memory="4Gi", storage="9Gi")),
    ),
    "event": (CoreV1Event, told()),
    **{
        f"network-policy-{policy['metadata']['name']}": (V1NetworkPolicy, policy)
        for policy in network_policies("team", SpaceSpec(), SETTINGS)
    },
}


@pytest.mark.parametrize("name", ["cpu", "memory"])
def test_a_quota_is_documented_with_what_hosts_and_builds_cost(name: str) -> None:
    words = Quota.model_fields[name].description or ""
    assert f"{HOST_LIMITS[name]} for its host" in words
    assert f"a build as {BUILD_LIMITS[name]}." in words


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_as_a_whole_what_somebody_read(name: str, golden: Golden) -> None:
    golden.check(name, MANIFESTS[name][1])


def test_there_is_no_golden_file_of_nothing() -> None:
    files = {file.stem for file in (Path(__file__).parent / "golden").glob("*.yaml")}
    assert files == MANIFESTS.keys()


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_says_only_what_kubernetes_knows(name: str) -> None:
    model, manifest = MANIFESTS[name]
    read = model.model_validate(manifest).model_dump(by_alias=True, exclude_none=True, mode="json")
    assert missing(manifest, read) == []


def missing(written: Any, read: Any, path: str = "") -> list[str]:  # noqa: ANN401
    """Name the fields that a model dropped, as it does with those it does not know."""
    if isinstance(written, dict):
        return [
            lost
            for key, value in written.items()
            for lost in (
                missing(value, read[key], f"{path}.{key}") if key in read else [f"{path}.{key}"]
            )
        ]
    if isinstance(written, list):
        pairs = zip(written, read, strict=True)
        return [lost for one, other in pairs for lost in missing(one, other, path)]
    return []


def test_a_session_pod_meets_the_restricted_level() -> None:
    spec = pod()["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    users = {}
    for name, container in containers(pod()).items():
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}
        users[name] = security["runAsUser"]
    assert users == {"host": 10002, "agent": 10001}


def test_agents_have_the_volume_and_the_host_has_the_token() -> None:
    mounts = {
        name: {mount["name"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}
        for name, container in containers(pod()).items()
    }
    assert mounts == {
        "host": {"socket": False, "token": True},
        "agent": {"session": False, "tmp": False, "socket": True},
    }
    bounded = [v["emptyDir"] for v in pod()["spec"]["volumes"] if "emptyDir" in v]
    assert [volume["sizeLimit"] for volume in bounded] == ["1Gi", "1Mi"]


def test_kubectl_means_the_agents_where_it_names_no_container() -> None:
    annotations = pod()["metadata"]["annotations"]
    assert annotations["kubectl.kubernetes.io/default-container"] == "agent"


def test_what_a_session_asks_for_is_its_agents() -> None:
    made = containers(pod(resources={"requests": {"memory": "1Gi"}}))
    assert made["agent"]["resources"]["requests"]["memory"] == "1Gi"
    assert made["host"]["resources"]["requests"] == {"cpu": "10m", "memory": "32Mi"}
    assert made["host"]["resources"]["limits"]["memory"] == "128Mi"


def test_a_session_pod_has_no_way_to_the_kubernetes_api() -> None:
    spec = pod()["spec"]
    assert spec["automountServiceAccountToken"] is False
    (token,) = next(v for v in spec["volumes"] if v["name"] == "token")["projected"]["sources"]
    assert token["serviceAccountToken"]["audience"] == "raworc-api"


def test_a_host_is_told_all_that_it_needs() -> None:
    told = environment("host", agent="echo", busyTimeoutSeconds=5)
    assert told == {"RAWORC_API_URL": "http://api.test", "RAWORC_BUSY_TIMEOUT_SECONDS": "5"}
    trusting = replace(SETTINGS, hosts_authorities="PEM")
    host = containers(session_pod(view(), trusting))["host"]
    assert {"name": "RAWORC_API_AUTHORITIES", "value": "PEM"} in host["env"]


def test_agents_are_told_whose_they_are() -> None:
    told = environment("agent", agent="echo")
    assert told["RAWORC_SESSION_ID"] == "session-uid"
    assert told["RAWORC_SPACE_ID"] == "space-uid"
    assert told["RAWORC_AGENT"] == "echo"
    assert "RAWORC_AGENT" not in environment("agent")


def test_the_id_that_the_api_gave_goes_before_the_uid() -> None:
    labelled = session()
    labelled["metadata"]["labels"] = {"raworc.dev/session-id": "given"}
    made = session_pod(view(labelled), SETTINGS)
    assert made["metadata"]["labels"]["raworc.dev/session-id"] == "given"


def test_children_go_with_their_session() -> None:
    for child in (pod(), session_claim(view())):
        (owner,) = child["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["blockOwnerDeletion"]) == ("session-uid", True)


def test_a_volume_has_the_size_of_its_session_then_of_its_space_then_the_default() -> None:
    def size(of: Manifest, on: Manifest) -> str:
        claim = session_claim(view(of, space=on))
        return str(claim["spec"]["resources"]["requests"]["storage"])

    assert size(session(storageSize="3Gi"), space(storageSize="2Gi")) == "3Gi"
    assert size(session(), space(storageSize="2Gi")) == "2Gi"
    assert size(session(), space()) == "1Gi"
    assert "storageClassName" not in session_claim(view())["spec"]


def test_resources_of_a_session_go_before_those_of_its_space() -> None:
    own = {"limits": {"memory": "1Gi"}}
    merged = session_resources(own, {"limits": {"memory": "2Gi", "cpu": "2"}})
    assert merged["limits"] == {"memory": "1Gi", "cpu": "2"}


def test_a_small_limit_takes_the_request_down_and_a_large_request_the_limit_up() -> None:
    assert session_resources({"limits": {"memory": "16Mi"}})["requests"]["memory"] == "16Mi"
    assert session_resources({"requests": {"memory": "1Gi"}})["limits"]["memory"] == "1Gi"


def test_a_session_gets_the_installations_resources_where_nobody_says() -> None:
    usual = Resources(
        requests=Amounts(cpu="20m", memory="64Mi"), limits=Amounts(cpu="2", memory="1Gi")
    )
    assert session_resources(defaults=usual) == dump(usual)
    settings = replace(SETTINGS, session_resources=usual)
    assert containers(session_pod(view(), settings))["agent"]["resources"] == dump(usual)
    merged = session_resources({"requests": {"cpu": "3"}}, None, defaults=usual)
    assert merged["limits"] == {"cpu": "3", "memory": "1Gi"}


def test_a_quota_names_only_what_is_limited() -> None:
    hard = space_quota("team", "raworc-team", Quota(sessions=3, storage="10Gi"))["spec"]["hard"]
    assert hard == {"count/agentsessions.raworc.dev": "3", "requests.storage": "10Gi"}


def test_a_build_does_not_try_again_what_only_a_person_can_mend() -> None:
    (user_error, _) = job()["spec"]["podFailurePolicy"]["rules"]
    assert user_error["action"] == "FailJob"
    assert user_error["onExitCodes"] == {
        "containerName": "checkout",
        "operator": "In",
        "values": [42],
    }


def test_a_build_gets_its_request_without_a_shell() -> None:
    template = job()["spec"]["template"]
    request = json.loads(template["metadata"]["annotations"]["raworc.dev/checkout"])
    assert request["agents"][0]["commit"] == COMMIT
    assert request["base_images"] == BASE_IMAGES.model_dump()
    assert template["spec"]["automountServiceAccountToken"] is False


def build_containers(settings: Any = SETTINGS) -> dict[str, Manifest]:  # noqa: ANN401
    spec = job(settings)["spec"]["template"]["spec"]
    return {each["name"]: each for each in (*spec["initContainers"], *spec["containers"])}


def told_of_registry(settings: Any) -> dict[str, str]:  # noqa: ANN401
    base, push = (build_containers(settings)[name]["env"] for name in ("base", "push"))
    assert base == push
    return {item["name"]: item["value"] for item in push}


def test_a_build_runs_its_containers_one_after_the_other() -> None:
    assert list(build_containers()) == ["checkout", "base", "kaniko", "push"]
    assert [each["name"] for each in job()["spec"]["template"]["spec"]["containers"]] == ["push"]


def test_every_container_of_a_build_has_limits_as_a_quota_demands() -> None:
    for container in build_containers(replace(SETTINGS, build_disk="3Gi")).values():
        limits = container["resources"]["limits"]
        assert set(limits) == {"cpu", "memory", "ephemeral-storage"}
        assert limits["ephemeral-storage"] == "3Gi"


def test_a_build_can_fill_no_disk() -> None:
    spec = job(replace(SETTINGS, build_disk="3Gi"))["spec"]["template"]["spec"]
    volumes = [each["emptyDir"] for each in spec["volumes"] if "emptyDir" in each]
    assert volumes == [{"sizeLimit": "3Gi"}] * 3


def test_only_an_insecure_registry_is_spoken_to_without_tls() -> None:
    assert told_of_registry(SETTINGS)["RAWORC_REGISTRY_INSECURE"] == "true"
    assert told_of_registry(KNOWN)["RAWORC_REGISTRY_INSECURE"] == "false"


def test_authorities_are_mounted_where_kaniko_keeps_them_out_of_the_image() -> None:
    kaniko = build_containers(TRUSTING)["kaniko"]
    assert kaniko["volumeMounts"][-1]["mountPath"] == "/kaniko/raworc-ca"
    assert "--build-arg=PIP_CERT=/kaniko/raworc-ca/ca.crt" in kaniko["args"]
    assert told_of_registry(TRUSTING)["RAWORC_CA_BUNDLE"] == "/etc/raworc-ca/ca.crt"


def test_the_account_that_pushes_is_where_no_code_of_agents_runs() -> None:
    (volume,) = [
        each for each in job(KNOWN)["spec"]["template"]["spec"]["volumes"] if "secret" in each
    ]
    assert (volume["secret"]["secretName"], volume["secret"]["defaultMode"]) == (
        "raworc-push",
        0o400,
    )
    mounted = {
        name: {mount["name"] for mount in container["volumeMounts"]}
        for name, container in build_containers(KNOWN).items()
    }
    assert [name for name, mounts in mounted.items() if volume["name"] in mounts] == [
        "base",
        "push",
    ]
    # Kaniko asks no registry, and the checkout none either.
    assert "push.test" not in json.dumps(build_containers(KNOWN)["kaniko"])


def test_agents_code_changes_neither_what_it_is_built_on_nor_what_is_pushed() -> None:
    mounts = [
        mount for mount in build_containers()["kaniko"]["volumeMounts"] if mount["name"] == "images"
    ]
    # A folder of root's each, as anybody may write in the volume itself.
    assert [(mount["subPath"], mount.get("readOnly", False)) for mount in mounts] == [
        ("base", True),
        ("built", False),
    ]
    assert build_containers()["base"]["securityContext"]["runAsUser"] == 0
    for name in ("base", "push"):
        assert build_containers()[name]["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_the_account_that_pulls_is_the_nodes_and_no_containers() -> None:
    with_account = session_pod(view(), SETTINGS, image_pull_secrets(KNOWN))["spec"]
    assert with_account["imagePullSecrets"] == [{"name": "raworc-pull"}]
    assert "secret" not in json.dumps(with_account["volumes"])
    assert job(KNOWN)["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "raworc-pull"}]


def test_without_accounts_there_is_no_trace_of_any() -> None:
    assert image_pull_secrets(SETTINGS) == []
    assert "raworc-push" not in json.dumps(job())
