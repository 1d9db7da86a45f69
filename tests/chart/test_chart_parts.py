"""Parts: what each is told by its environment, and which of them are there."""

import subprocess
from base64 import b64decode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from raworc_api import settings as api_settings
from raworc_operator import settings as operator_settings
from raworc_operator.sessions.resources import DEFAULT_RESOURCES
from raworc_sources import settings as sources_settings
from raworc_sources.protocol import BaseImages
from raworc_sources.registry_account import find_account

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
Find = Callable[..., Manifest]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def _environment(deployment: Manifest, name: str = "") -> Mapping[str, str]:
    containers = deployment["spec"]["template"]["spec"]["containers"]
    container = next(one for one in containers if one["name"] == name or not name)
    return {entry["name"]: entry.get("value", "referred") for entry in container["env"]}


def _with_files(told: Mapping[str, str], folder: Path) -> Mapping[str, str]:
    """Put files of ours in the place of those that the operator is told to read."""
    file = folder / "file"
    file.write_text("text")
    read = ("RAWORC_REGISTRY_PUSH_ACCOUNT", "RAWORC_REGISTRY_PULL_ACCOUNT", "RAWORC_CA_BUNDLE")
    return {name: str(file) if name in read else value for name, value in told.items()}


def _names(objects: list[Manifest], kind: str) -> set[str]:
    return {found["metadata"]["name"] for found in objects if found["kind"] == kind}


def test_the_api_understands_what_it_is_told(find: Find) -> None:
    told = _environment(find("Deployment", "raworc-api"))
    settings = api_settings.from_environment(told)
    assert settings.database.host == "raworc-mysql.raworc-system.svc"
    assert settings.peers_host == "raworc-api-peers.raworc-system.svc"
    assert settings.namespace == "raworc-system"
    assert settings.token_seconds == 900
    named = _environment(find("Deployment", "team-api", values="bundled"))
    assert named["RAWORC_NAMESPACE_PREFIX"] == "team-"


def test_the_api_is_told_of_an_external_database(find: Find) -> None:
    told = find("Deployment", "raworc-api", values="external")
    database = api_settings.from_environment(_environment(told)).database
    assert (database.host, database.port) == ("mysql.example.com", 3307)
    assert (database.name, database.user) == ("agents", "agents")
    assert database.tls == api_settings.DatabaseTls(
        authorities=Path("/etc/raworc/database/authorities/ca.crt"),
        client_dir=Path("/etc/raworc/database/client"),
    )
    (container,) = told["spec"]["template"]["spec"]["containers"]
    (password,) = (e for e in container["env"] if e["name"] == "RAWORC_DATABASE_PASSWORD")
    assert password["valueFrom"]["secretKeyRef"] == {"name": "database", "key": "secret"}


def test_the_files_of_the_databases_tls_are_mounted_for_the_migration_too(find: Find) -> None:
    pod = find("Deployment", "raworc-api", values="external")["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume.get("secret") for volume in pod["volumes"]}
    assert volumes["database-authorities"] == {
        "secretName": "database-ca",
        "items": [{"key": "root.pem", "path": "ca.crt"}],
    }
    assert volumes["database-client"]["secretName"] == "database-client"
    for container in (*pod["initContainers"], *pod["containers"]):
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert mounts["/etc/raworc/database/authorities"] == "database-authorities"
        assert mounts["/etc/raworc/database/client"] == "database-client"


def test_the_operator_understands_what_it_is_told(find: Find, tmp_path: Path) -> None:
    told = _environment(find("Deployment", "raworc-operator"))
    settings = operator_settings.from_environment(_with_files(told, tmp_path))
    assert settings.api_url == "http://raworc-api-hosts.raworc-system.svc"
    assert settings.registry_push == "raworc-registry.raworc-system.svc:5000"
    assert settings.registry_pull == "localhost:30500"
    assert settings.registry_insecure
    assert settings.base_images == BaseImages(
        python="raworc/agent:0.1.0", node="raworc/agent-node:0.1.0", rust="raworc/agent-rust:0.1.0"
    )
    assert settings.image == "raworc/raworc:0.1.0"
    assert settings.session_resources == DEFAULT_RESOURCES


def test_the_sources_understand_what_they_are_told(find: Find) -> None:
    told = _environment(find("Deployment", "team-operator", values="bundled"), "sources")
    settings = sources_settings.from_environment(told)
    assert settings.git.internal_hosts == {"git.example.internal", "git.demo.svc"}
    assert settings.git.authorities_file == Path("/etc/raworc/ca/ca.crt")
    assert settings.registry.address == "team-registry.raworc-system.svc:5000"
    assert settings.registry.insecure


@pytest.mark.parametrize(("values", "is_own"), [("", True), ("external", False)])
def test_images_of_others_are_left_alone(
    find: Find, tmp_path: Path, *, values: str, is_own: bool
) -> None:
    told = _environment(find("Deployment", "raworc-operator", values=values))
    settings = operator_settings.from_environment(_with_files(told, tmp_path))
    assert settings.registry_is_own is is_own


def test_the_operator_is_told_of_an_external_registry(find: Find, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.crt"
    bundle.write_text("certificates")
    told = dict(_environment(find("Deployment", "raworc-operator", values="external")))
    assert told["RAWORC_CA_BUNDLE"] == "/etc/raworc/ca/ca.crt"
    settings = operator_settings.from_environment(told | {"RAWORC_CA_BUNDLE": str(bundle)})
    assert settings.registry_push == "push.example.com/agents"
    assert settings.registry_pull == "pull.example.com/agents"
    assert settings.registry_insecure


def test_the_operator_reads_the_accounts_of_a_registry_from_their_secrets(find: Find) -> None:
    operator = find("Deployment", "raworc-operator", values="accounts")
    pod = operator["spec"]["template"]["spec"]
    told = _environment(operator)
    mounts = {mount["mountPath"]: mount for mount in pod["containers"][0]["volumeMounts"]}
    for use in ("push", "pull"):
        folder, _, file = told[f"RAWORC_REGISTRY_{use.upper()}_ACCOUNT"].rpartition("/")
        (volume,) = (one for one in pod["volumes"] if one["name"] == mounts[folder]["name"])
        # A file that is mounted by itself would not change with its Secret.
        assert "subPath" not in mounts[folder]
        items = [{"key": ".dockerconfigjson", "path": file}]
        assert volume["secret"] == {"secretName": f"{use}-account", "items": items}


def test_every_value_of_builds_reaches_the_operator(find: Find) -> None:
    told = _environment(find("Deployment", "team-operator", values="bundled"))
    assert told["RAWORC_HOSTS_URL"] == "https://team-api-hosts.raworc-system.svc"
    assert told["RAWORC_HOSTS_AUTHORITIES"] == "/etc/raworc/hosts-ca/ca.crt"
    assert told["RAWORC_NAMESPACE_PREFIX"] == "team-"
    assert told["RAWORC_BASE_IMAGE"] == "base/agent:0.2.0"
    assert told["RAWORC_NODE_IMAGE"] == "base/agent-node:0.2.0"
    assert told["RAWORC_RUST_IMAGE"] == "base/agent-rust:0.2.0"
    assert told["RAWORC_IMAGE"] == "registry.example.com/raworc:0.2.0"
    assert told["RAWORC_KANIKO_IMAGE"] == "registry.example.com/kaniko:1.25.0"
    assert told["RAWORC_INTERNAL_GIT_HOSTS"] == "git.example.internal,git.demo.svc"
    assert told["RAWORC_REGISTRY_PULL"] == "localhost:30600"
    assert told["RAWORC_KEEP_IMAGES"] == "7"
    assert told["RAWORC_BUILD_DISK"] == "20Gi"


@pytest.mark.parametrize(
    ("values", "source"),
    [
        ("bundled", {"name": "team-ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}),
        ("external", {"name": "company-ca", "items": [{"key": "bundle.pem", "path": "ca.crt"}]}),
    ],
)
def test_certificates_are_mounted_from_either_source(
    find: Find, values: str, source: Manifest
) -> None:
    name = "team-operator" if values == "bundled" else "raworc-operator"
    pod = find("Deployment", name, values=values)["spec"]["template"]["spec"]
    assert {"name": "ca", "configMap": source} in pod["volumes"]


def test_what_is_external_is_not_run(render: Render) -> None:
    objects = render(values="external")
    assert _names(objects, "Deployment") == {"raworc-api", "raworc-operator"}
    assert not _names(objects, "StatefulSet") | _names(objects, "PersistentVolumeClaim")
    assert _names(objects, "Service") == {"raworc-api", "raworc-api-hosts", "raworc-api-peers"}
    assert _names(objects, "Secret") == {"raworc-admin", "raworc-jwt"}


def test_what_is_bundled_is_run(render: Render) -> None:
    objects = render()
    assert _names(objects, "Deployment") == {"raworc-api", "raworc-operator", "raworc-registry"}
    assert _names(objects, "StatefulSet") == {"raworc-mysql"}
    accounts = {"raworc-registry-push", "raworc-registry-pull"}
    assert _names(objects, "Secret") == {"raworc-admin", "raworc-jwt", "raworc-mysql"} | accounts
    assert not _names(objects, "Ingress")


def test_nodes_pull_by_a_port_of_their_own(find: Find) -> None:
    spec = find("Service", "raworc-registry-node")["spec"]
    assert spec["type"] == "NodePort"
    assert spec["ports"] == [
        {"name": "pull", "port": 5001, "targetPort": "pull", "nodePort": 30500}
    ]
    (port,) = find("Service", "raworc-registry")["spec"]["ports"]
    assert port == {"name": "push", "port": 5000, "targetPort": "push"}


def test_each_server_of_the_registry_knows_one_account_and_one_changes_nothing(find: Find) -> None:
    pod = find("Deployment", "raworc-registry")["spec"]["template"]["spec"]
    volumes = {one["name"]: one.get("secret", {}).get("secretName") for one in pod["volumes"]}
    config = find("ConfigMap", "raworc-registry")["data"]
    containers = {one["ports"][0]["name"]: one for one in pod["containers"]}
    assert set(containers) == {"push", "pull"}
    for use, container in containers.items():
        mounts = {one["mountPath"]: one for one in container["volumeMounts"]}
        folder = f"/etc/raworc/accounts/{use}"
        accounts = [path for path in mounts if path.startswith("/etc/raworc/accounts/")]
        assert accounts == [folder]
        assert volumes[mounts[folder]["name"]] == f"raworc-registry-{use}"
        assert mounts["/var/lib/registry"]["readOnly"] is (use == "pull")
        told = yaml.safe_load(config[f"{use}.yml"])
        assert told["auth"]["htpasswd"]["path"] == f"{folder}/htpasswd"
        assert told["http"]["addr"] == f":{container['ports'][0]['containerPort']}"
        assert told["storage"]["delete"]["enabled"] is (use == "push")
    maintenance = yaml.safe_load(config["pull.yml"])["storage"]["maintenance"]
    assert maintenance["readonly"] == {"enabled": True}


@pytest.mark.parametrize(
    ("use", "host"),
    [("push", "raworc-registry.raworc-system.svc:5000"), ("pull", "localhost:30500")],
)
def test_an_account_of_the_registry_is_generated_for_those_who_show_it(
    find: Find, use: str, host: str
) -> None:
    data = find("Secret", f"raworc-registry-{use}")["data"]
    account = find_account(b64decode(data[".dockerconfigjson"]), host)
    assert account
    assert account.user == use
    assert len(account.password) == 32
    user, _, hashed = b64decode(data["htpasswd"]).decode().partition(":")
    assert user == use
    assert hashed.startswith("$2a$")


def test_hosts_have_a_service_that_no_ingress_shows(render: Render, find: Find) -> None:
    (port,) = find("Service", "raworc-api-hosts")["spec"]["ports"]
    assert port == {"name": "hosts", "port": 80, "targetPort": "hosts"}
    (shown,) = (found for found in render(values="bundled") if found["kind"] == "Ingress")
    assert "api-hosts" not in str(shown)


def test_the_port_of_hosts_has_the_certificate_of_a_secret(find: Find) -> None:
    api = find("Deployment", "team-api", values="bundled")
    pod = api["spec"]["template"]["spec"]
    folder = _environment(api)["RAWORC_HOSTS_TLS_DIR"]
    mounts = {mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    secrets = {one["name"]: one["secret"] for one in pod["volumes"] if "secret" in one}
    assert secrets[mounts[folder]]["secretName"] == "hosts-certificate"
    (port,) = find("Service", "team-api-hosts", values="bundled")["spec"]["ports"]
    assert port["port"] == 443
    operator = find("Deployment", "team-operator", values="bundled")["spec"]["template"]["spec"]
    (volume,) = (one for one in operator["volumes"] if one["name"] == "hosts-ca")
    items = [{"key": "authority.pem", "path": "ca.crt"}]
    assert volume["secret"] == {"secretName": "hosts-authority", "items": items}


def test_probes_have_a_port_of_their_own(find: Find) -> None:
    (api,) = find("Deployment", "raworc-api")["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in api["ports"]}
    assert ports == {"http": 8080, "hosts": 8081, "probes": 8082}
    probes = (api[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness"))
    assert {probe["httpGet"]["port"] for probe in probes} == {"probes"}


def test_peers_find_each_other_before_they_are_ready(find: Find) -> None:
    spec = find("Service", "raworc-api-peers")["spec"]
    assert spec["clusterIP"] == "None"
    assert spec["publishNotReadyAddresses"] is True
    assert spec["ports"][0]["port"] == 8080


def test_the_test_of_the_release_logs_in_with_the_generated_password(find: Find) -> None:
    pod = find("Pod", "raworc-test-api")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    *_, script, url, password = pod["spec"]["containers"][0]["command"]
    compile(script, "api_answers.py", "exec")
    assert url == "http://raworc-api.raworc-system.svc"
    assert password == "/etc/raworc/admin/password"
    assert pod["spec"]["volumes"][0]["secret"]["secretName"] == "raworc-admin"


@pytest.mark.parametrize(("release", "name"), [("raworc", "raworc-api"), ("try", "try-raworc-api")])
def test_names_begin_with_the_release(helm: Run, release: str, name: str) -> None:
    flags = ["--kube-version", "1.35.0", "--show-only", "templates/api-service.yaml"]
    assert f"name: {name}\n" in helm("template", release, "helm/raworc", *flags).stdout
