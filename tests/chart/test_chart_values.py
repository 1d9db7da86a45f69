"""Values: documented, typed, and refused where nobody knows them."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

CHARTS = Path(__file__).parents[2] / "helm"
SETS = Path(__file__).parent / "values"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def _leaves(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def test_values_schema_and_readme_are_what_their_types_render() -> None:
    command = [sys.executable, "-m", "helm.raworc_chart.render", "--check"]
    done = subprocess.run(  # noqa: S603 - our own program
        command, cwd=CHARTS.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("chart", ["raworc", "raworc-crds"])
def test_lint_finds_nothing(helm: Run, chart: str) -> None:
    done = helm("lint", "--strict", f"helm/{chart}")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("chart", ["raworc", "raworc-crds"])
def test_the_defaults_satisfy_the_schema(chart: str) -> None:
    schema = json.loads((CHARTS / chart / "values.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(_read(CHARTS / chart / "values.yaml"), schema)


@pytest.mark.parametrize("chart", ["raworc", "raworc-crds"])
def test_every_value_has_a_comment_that_begins_with_its_name(chart: str) -> None:
    lines = (CHARTS / chart / "values.yaml").read_text().splitlines()
    for number, line in enumerate(lines):
        if key := re.match(r"( *)(\w[\w-]*):", line):
            above = [earlier for earlier in lines[:number] if not re.match(r" *#   ", earlier)]
            assert above[-1].startswith(f"{key[1]}# {key[2]}: "), line


@pytest.mark.parametrize("chart", ["raworc", "raworc-crds"])
def test_every_object_of_the_schema_is_closed_and_every_property_described(chart: str) -> None:
    schema = json.loads((CHARTS / chart / "values.schema.json").read_text())
    for group in (schema, *schema.get("$defs", {}).values()):
        assert group["additionalProperties"] is False, group
        for name, child in group["properties"].items():
            assert child.get("description"), name
            assert child.keys() & {"type", "$ref", "anyOf", "enum"}, name


def test_the_sets_of_values_change_every_default_there_is() -> None:
    defaults = dict(_leaves(_read(CHARTS / "raworc" / "values.yaml")))
    changed = {
        path
        for name in ("bundled", "external", "accounts")
        for path, value in _leaves(_read(SETS / f"{name}.yaml"))
        if value != defaults.get(path)
    }
    empty_maps = {path for path, value in defaults.items() if value == {}}
    missing = {
        path
        for path in defaults.keys() - changed
        if not (path in empty_maps and any(found.startswith(f"{path}.") for found in changed))
    }
    assert not missing


@pytest.mark.parametrize(
    "key",
    [
        "replica",
        "api.replica",
        "image.tags",
        "api.image",
        "api.resources.requests.memroy",
        "api.service.typ",
        "api.serviceAccount.named",
        "operator.replicas",
        "mysql.storage.sizes",
        "externalDatabase.password",
        "builds.kanikoImage.digest",
        "externalRegistry.password",
        "ingress.hosts",
    ],
)
def test_a_key_that_nobody_knows_is_refused(template: Run, key: str) -> None:
    done = template("--set", f"{key}=1")
    assert done.returncode != 0
    assert f"'{key.rpartition('.')[2]}'" in done.stderr


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("api.replicas=0", "minimum"),
        ("api.replicas=two", "want integer"),
        ("api.service.type=ExternalName", "must be one of"),
        ("image.pullPolicy=Sometimes", "must be one of"),
        ("namespacePrefix=Raworc-", "does not match pattern"),
        ("mysql.bufferPoolSize=128", "got number, want string"),
        ("mysql.storage.size=much", "does not match pattern"),
        *[
            (f"sessions.resources.limits.memory={nothing}", "sessions/resources/limits/memory")
            for nothing in ("0", "0Mi", "00.0", "-1")
        ],
        ("builds.caBundle=certificate", "does not match pattern"),
        ("admin.existingSecret=My_Secret", "does not match pattern"),
        ("mysql.enabled=false", "externalDatabase.host must be set when mysql.enabled is false"),
        ("externalDatabase.host=x", "must be empty when mysql.enabled is true"),
        ("registry.enabled=false", "externalRegistry.pushAddress must be set"),
        ("externalRegistry.pushAddress=x", "must be empty when registry.enabled is true"),
        ("externalRegistry.pushSecret=x", "pushSecret must be empty when registry.enabled is true"),
        ("externalRegistry.pullSecret=x", "pullSecret must be empty when registry.enabled is true"),
        ("ingress.enabled=true", "ingress.host must be set"),
        ("externalDatabase.tls.enabled=true", "must be false when mysql.enabled is true"),
        ("externalDatabase.tls.clientSecret=x", "externalDatabase.tls.enabled must be true"),
        ("networks.egress[0].ports[0]=80", "oneOf"),
        ("builds.egress[0].cidr=any", "does not match pattern"),
        *[
            (f"networks.clusterRanges[0]={cidr}", "does not match pattern")
            for cidr in ("10.0.0.0", "300.1.1.1/99", "10.0.0.0/33", "fd00::/129", "fd00/8")
        ],
        *[
            (flag, "must be a network in its shortest form, such as 10.1.0.0/16")
            for flag in (
                "networks.clusterRanges[0]=10.0.0.1/8",
                "networks.egress[0].cidr=203.0.113.7/31",
                "builds.egress[0].cidr=128.0.0.0/0",
            )
        ],
        ("registry.nodePort=80", "minimum"),
        ("registry.nodePort=32768", "maximum"),
        ("api.service.nodePort=80", "api/service/nodePort"),
    ],
)
def test_a_wrong_value_is_refused_with_its_reason(template: Run, flag: str, words: str) -> None:
    done = template("--set", flag)
    assert done.returncode != 0
    assert words in done.stderr


def test_two_certificate_bundles_are_refused(template: Run) -> None:
    bundled, external = SETS / "bundled.yaml", "builds.caBundleConfigMapRef.name=ca"
    done = template("--values", str(bundled), "--set", external)
    assert "builds.caBundle must be empty" in done.stderr


def test_an_account_is_not_shown_without_tls(template: Run) -> None:
    accounts, insecure = SETS / "accounts.yaml", "externalRegistry.insecure=true"
    done = template("--values", str(accounts), "--set", insecure)
    assert "externalRegistry.insecure must be false" in done.stderr


def test_an_external_database_needs_the_secret_with_its_password(template: Run) -> None:
    done = template("--set", "mysql.enabled=false,externalDatabase.host=db")
    assert "externalDatabase.passwordSecretRef.name must be set" in done.stderr


def test_a_cluster_too_old_is_refused(helm: Run) -> None:
    done = helm("template", "raworc", "helm/raworc", "--kube-version", "1.30.9")
    assert "chart requires kubeVersion" in done.stderr


def test_a_chart_above_may_share_its_values(template: Run) -> None:
    assert template("--set", "global.anything=1").returncode == 0
