"""What `helm upgrade` keeps and refuses, where it can see what the release has."""

import json
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
import yaml
from tests.support.kubernetes import ROOT, KubeApi, Manifest

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Release:
    """A release of the chart in a namespace of its own, none of whose pods runs."""

    cluster: KubeApi
    kubeconfig: Path
    namespace: str

    def helm(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run Helm on it, and return what it said."""
        program = shutil.which("helm") or pytest.fail("helm must be on the PATH")
        flags = ["--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace]
        return subprocess.run(  # noqa: S603 - the tests' own arguments
            [program, *arguments, *flags], capture_output=True, text=True, check=False, cwd=ROOT
        )

    def upgrade(self, *values: str) -> "subprocess.CompletedProcess[str]":
        """Upgrade it with other values."""
        return self.helm("upgrade", "raworc", "helm/raworc", "--no-hooks", *values)

    def pull_secret(self) -> Manifest:
        """Read the Secret of the account with which nodes pull."""
        path = f"/api/v1/namespaces/{self.namespace}/secrets/raworc-registry-pull"
        return self.cluster.ask("GET", path)

    def accounts(self) -> dict[str, str]:
        """Return what each registry is shown when a node pulls."""
        text = b64decode(self.pull_secret()["data"][".dockerconfigjson"])
        return {host: one["auth"] for host, one in json.loads(text)["auths"].items()}


@pytest.fixture
def release(kube_api: KubeApi, tmp_path: Path) -> Iterator[Release]:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(kube_api.kubeconfig()))
    made = Release(kube_api, kubeconfig, f"upgraded-{next(_numbers)}")
    kube_api.make_namespace(made.namespace)
    done = made.helm("install", "raworc", "helm/raworc", "--no-hooks")
    assert done.returncode == 0, done.stderr
    yield made
    made.helm("uninstall", "raworc", "--no-hooks")


def test_an_upgrade_keeps_the_accounts_of_the_registry(release: Release) -> None:
    before = release.pull_secret()["data"]
    done = release.upgrade()
    assert done.returncode == 0, done.stderr
    assert release.pull_secret()["data"] == before


def test_an_account_follows_the_registry_to_another_port(release: Release) -> None:
    (shown,) = release.accounts().values()
    done = release.upgrade("--set", "registry.nodePort=30501")
    assert done.returncode == 0, done.stderr
    assert release.accounts() == {"localhost:30501": shown}


def test_the_prefix_of_namespaces_stays(release: Release) -> None:
    done = release.upgrade("--set", "namespacePrefix=team-")
    assert done.returncode == 1
    assert "namespacePrefix must stay 'raworc-'" in done.stderr
