"""Objects: valid by Kubernetes' own types, and within what a cluster's policies ask for."""

import json
import re
import subprocess
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any

from kubernetes import client

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
Find = Callable[..., Manifest]

RECOMMENDED = {
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
    "app.kubernetes.io/component",
    "app.kubernetes.io/part-of",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
}
FIXED = {"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"}
CLUSTER_SCOPED = {
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}


def _workloads(manifests: list[Manifest]) -> list[Manifest]:
    return [found for found in manifests if found["kind"] in {"Deployment", "StatefulSet"}]


def _pods(manifests: list[Manifest]) -> Iterator[Manifest]:
    for manifest in manifests:
        if manifest["kind"] == "Pod":
            yield manifest["spec"]
    for workload in _workloads(manifests):
        yield workload["spec"]["template"]["spec"]


def _containers(manifests: list[Manifest]) -> Iterator[Manifest]:
    for pod in _pods(manifests):
        yield from pod.get("initContainers", [])
        yield from pod["containers"]


def test_every_object_is_valid_by_the_types_of_the_kubernetes_client(
    manifests: list[Manifest],
) -> None:
    for manifest in manifests:
        version = manifest["apiVersion"].rpartition("/")[2].capitalize()
        getattr(client, f"{version}{manifest['kind']}").model_validate(manifest)


def test_every_object_has_a_name_of_the_release_its_namespace_and_the_recommended_labels(
    manifests: list[Manifest],
) -> None:
    for manifest in manifests:
        metadata = manifest["metadata"]
        assert metadata["name"].startswith(("raworc-", "team-"))
        assert metadata["labels"].keys() >= RECOMMENDED
        assert ("namespace" in metadata) == (manifest["kind"] not in CLUSTER_SCOPED)


def test_no_object_is_there_twice(manifests: list[Manifest]) -> None:
    keys = [(found["kind"], found["metadata"]["name"]) for found in manifests]
    assert len(keys) == len(set(keys))


def test_selectors_are_of_labels_that_never_change_and_find_their_pods(
    manifests: list[Manifest],
) -> None:
    for workload in _workloads(manifests):
        chosen = workload["spec"]["selector"]["matchLabels"]
        assert chosen.keys() == FIXED
        assert chosen.items() <= workload["spec"]["template"]["metadata"]["labels"].items()


def test_every_selector_of_a_service_budget_or_policy_finds_one_workload(
    manifests: list[Manifest],
) -> None:
    chosen = [found["spec"]["selector"]["matchLabels"] for found in _workloads(manifests)]
    for manifest in manifests:
        spec = manifest.get("spec", {})
        if manifest["kind"] == "Service":
            assert spec["selector"] in chosen
        if manifest["kind"] == "PodDisruptionBudget":
            assert spec["selector"]["matchLabels"] in chosen
        if manifest["kind"] == "NetworkPolicy":
            assert spec["podSelector"]["matchLabels"] in chosen


def test_every_port_that_is_named_is_there(manifests: list[Manifest]) -> None:
    names = {port["name"] for found in _containers(manifests) for port in found.get("ports", [])}
    for manifest in manifests:
        if manifest["kind"] == "Service":
            assert {port["targetPort"] for port in manifest["spec"]["ports"]} <= names
    for container in _containers(manifests):
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            port = container.get(probe, {}).get("httpGet", {}).get("port")
            assert port is None or port in {named["name"] for named in container["ports"]}


def test_pods_are_restricted(manifests: list[Manifest]) -> None:
    for pod in _pods(manifests):
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] > 0
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["enableServiceLinks"] is False
        assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}
        kinds = {kind for volume in pod.get("volumes", []) for kind in volume.keys() - {"name"}}
        assert kinds <= {"emptyDir", "secret", "configMap", "persistentVolumeClaim", "projected"}


def test_containers_are_restricted(manifests: list[Manifest]) -> None:
    for container in _containers(manifests):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert not context.keys() & {"privileged", "runAsUser", "runAsNonRoot", "seccompProfile"}
        assert "hostPort" not in json.dumps(container)


def test_containers_say_what_they_use(manifests: list[Manifest]) -> None:
    for container in _containers(manifests):
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert container["resources"]["limits"].keys() == {"cpu", "memory"}


def test_images_have_a_fixed_tag(manifests: list[Manifest]) -> None:
    for container in _containers(manifests):
        tag = container["image"].rpartition("/")[2].partition(":")[2]
        assert re.match(r"\d+\.\d+", tag), container["image"]
        assert container["imagePullPolicy"] in {"IfNotPresent", "Always"}


def test_every_part_is_probed_for_its_start_and_its_life(manifests: list[Manifest]) -> None:
    for workload in _workloads(manifests):
        for container in workload["spec"]["template"]["spec"]["containers"]:
            assert container["startupProbe"]["periodSeconds"] == 1
            assert container["livenessProbe"]["failureThreshold"] >= 3
            served = container["name"] not in {"operator", "sources"}
            assert ("readinessProbe" in container) == served


def test_only_containers_that_ask_the_kubernetes_api_have_its_token(
    manifests: list[Manifest],
) -> None:
    for workload in _workloads(manifests):
        pod = workload["spec"]["template"]["spec"]
        mounting = [one["name"] for one in pod["containers"] if _mounts_token(one)]
        if pod["containers"][0]["name"] == "operator":
            assert (mounting, pod["automountServiceAccountToken"]) == (["operator"], False)
        else:
            assert not mounting
            asks = pod["containers"][0]["name"] == "api"
            assert pod["automountServiceAccountToken"] is asks
        assert ("serviceAccountName" in pod) is (
            pod["containers"][0]["name"] in {"api", "operator"}
        )


def _mounts_token(container: Manifest) -> bool:
    folder = "/var/run/secrets/kubernetes.io/serviceaccount"
    return folder in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_only_one_operator_runs_at_a_time(find: Find) -> None:
    spec = find("Deployment", "raworc-operator")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_the_api_rolls_without_a_gap(find: Find) -> None:
    spec = find("Deployment", "raworc-api")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    pod = spec["template"]["spec"]
    pause = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert 0 < pause < pod["terminationGracePeriodSeconds"]


def test_the_database_is_migrated_before_the_api_starts(find: Find) -> None:
    pod = find("Deployment", "raworc-api")["spec"]["template"]["spec"]
    (migrate,), (api,) = pod["initContainers"], pod["containers"]
    assert migrate["command"][-2:] == ["-m", "raworc_api.migrate"]
    assert migrate["image"] == api["image"]
    assert migrate["env"] == api["env"][: len(migrate["env"])]


def test_only_the_api_reaches_mysql(find: Find) -> None:
    spec = find("NetworkPolicy", "raworc-mysql")["spec"]
    (rule,) = spec["ingress"]
    (peer,) = rule["from"]
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "api"
    assert rule["ports"] == [{"protocol": "TCP", "port": 3306}]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["egress"] == []


def test_the_route_between_replicas_stays_inside(find: Find) -> None:
    (rule,) = find("Ingress", "team-api", values="bundled")["spec"]["rules"]
    assert [path["path"] for path in rule["http"]["paths"]] == ["/api"]


def test_no_secret_stands_outside_a_secret(render: Render) -> None:
    objects = render()
    secrets = [found for found in objects if found["kind"] == "Secret"]
    rest = json.dumps([found for found in objects if found["kind"] != "Secret"])
    values = [value for secret in secrets for value in secret["data"].values()]
    assert len(values) == 8
    plain = [b64decode(value).decode() for value in values]
    # What `docker login` writes has the password itself in base64.
    plain += [auth for text in plain for auth in re.findall(r'"auth":"([^"]+)"', text)]
    assert len(plain) == len(values) + 2
    assert not [value for value in (*values, *plain) if value in rest]
    environment = [entry for found in _containers(objects) for entry in found.get("env", [])]
    assert not [
        entry["name"]
        for entry in environment
        if "PASSWORD" in entry["name"] and "value" in entry and not entry["name"].endswith("_FILE")
    ]


def test_nothing_has_a_default_password(
    template: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    flags = ["--show-only=templates/admin-secret.yaml", "--show-only=templates/jwt-secret.yaml"]
    flags += (
        f"--show-only=templates/{name}-secret.yaml"
        for name in ("mysql", "registry-push", "registry-pull")
    )
    first, second = (
        set(re.findall(r"^  [a-z0-9.-]+: (\S{30,})$", template(*flags).stdout, re.MULTILINE))
        for _ in range(2)
    )
    assert len(first) == len(second) == 8
    assert not first & second


def test_secrets_and_what_depends_on_them_outlive_the_release(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        if manifest["kind"] in {"Secret", "PersistentVolumeClaim"}:
            assert manifest["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_secrets_that_are_there_are_used(render: Render) -> None:
    objects = render(values="bundled")
    made = {found["metadata"]["name"] for found in objects if found["kind"] == "Secret"}
    # The accounts of the bundled registry are nobody's but the chart's.
    assert made == {"team-registry-push", "team-registry-pull"}
    text = json.dumps(objects)
    for name in ("my-admin", "my-keys", "my-mysql"):
        assert f'"{name}"' in text
