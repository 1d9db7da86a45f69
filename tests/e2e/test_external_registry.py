"""A registry with accounts and a Git server, both with certificates of a private authority."""

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.e2e.agents import CURIOUS
from tests.e2e.bundled_registry import BundledRegistry
from tests.e2e.conftest import FreshName, NewRepository
from tests.e2e.external_registry import FOLDER, ExternalRegistry, account_secret, trusted_by_nodes
from tests.e2e.external_services import GIT, REGISTRY, REGISTRY_OF_NODES, external_services
from tests.e2e.helm import Helm, Values
from tests.e2e.kubectl import SYSTEM, Kubectl, Manifest, RefusedByClusterError
from tests.e2e.manifests import source, space_manifest
from tests.e2e.progress import answer, await_built, await_state, await_unbuilt
from tests.e2e.repositories import Repository
from tests.e2e.waiting import STARTED, eventually
from tests.support.authority import Authority
from tests.support.registry import PULLER, PULLER_ANEW, PUSHER, Account

from raworc.client import Client

PUSH_SECRET, PULL_SECRET = "e2e-push", "e2e-pull"


@dataclass(frozen=True)
class Company:
    """A release that uses nothing but the company's own servers."""

    registry: ExternalRegistry
    agent: Manifest


@pytest.fixture(scope="module")
def company(
    kubectl: Kubectl, repository: NewRepository, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Company]:
    helm, authority, curious = Helm(kubectl.context), Authority(), repository()
    curious.push(CURIOUS)
    trusted = tmp_path_factory.mktemp("authority") / "ca.crt"
    trusted.write_text(authority.pem)
    registry = ExternalRegistry(kubectl, trusted)
    former = helm.values()
    # A Space whose deletion is under way has its images where it was built.
    eventually(lambda: not _spaces_that_go(kubectl), "no Space being deleted", STARTED)
    with (
        external_services(kubectl, authority, curious.name),
        trusted_by_nodes(kubectl, authority),
    ):
        registry.let_in(PUSHER, PULLER)
        registry.take_over(*former["builds"]["baseImage"].split(":"))
        accounts = (
            account_secret(PUSH_SECRET, PUSHER, REGISTRY),
            account_secret(PULL_SECRET, PULLER, REGISTRY_OF_NODES),
        )
        with kubectl.applied(*accounts), helm.told(_values(former, authority)):
            yield Company(registry, _by_https(curious))
            eventually(lambda: not _spaces_that_go(kubectl), "no Space being deleted", STARTED)
        # The accounts of the bundled registry take their place, in the namespaces of all spaces.
        eventually(lambda: not BundledRegistry(kubectl).old_copies(), "the copies changed", STARTED)


def _values(former: Values, authority: Authority) -> Values:
    builds = former["builds"]
    return {
        **former,
        "registry": {**former["registry"], "enabled": False},
        "externalRegistry": {
            "pushAddress": f"{REGISTRY}/{FOLDER}",
            "pullAddress": f"{REGISTRY_OF_NODES}/{FOLDER}",
            "pushSecret": PUSH_SECRET,
            "pullSecret": PULL_SECRET,
        },
        "builds": {
            **builds,
            "caBundle": "\n".join((builds.get("caBundle", ""), authority.pem)),
            "internalGitHosts": [*builds["internalGitHosts"], GIT],
        },
    }


def _by_https(repository: Repository) -> Manifest:
    return {**source("curious", repository), "repo": f"https://{GIT}/{repository.name}.git"}


def _spaces_that_go(kubectl: Kubectl) -> list[Manifest]:
    return [one for one in kubectl.every("spaces") if "deletionTimestamp" in one["metadata"]]


def test_a_registry_that_refuses_the_account_is_named(
    company: Company, kubectl: Kubectl, fresh_space: FreshName
) -> None:
    space = fresh_space()
    company.registry.let_in(PULLER)
    try:
        kubectl.apply(space_manifest(space, company.agent))
        built = await_unbuilt(kubectl, space, "RegistryRefused")
    finally:
        company.registry.let_in(PUSHER, PULLER)
    assert f"'{REGISTRY}' refuses the account" in built["message"]


def test_the_whole_path_by_a_registry_with_accounts(
    company: Company, kubectl: Kubectl, api: Client, fresh_space: FreshName
) -> None:
    space = fresh_space()
    images, inside = f"raworc_space_{space}", f"raworc-{space}"
    api.create_space(space, agents=[company.agent])
    await_built(api, space)
    assert company.registry.tags(images)

    # The registry knows another password before the Secret does.
    company.registry.let_in(PUSHER, PULLER_ANEW)
    session = api.create_session(space)
    target = ("agentsession", session.name, "-n", inside)
    reason = "jsonpath={.status.conditions[?(@.type=='Ready')].reason}"
    kubectl.wait(target, f"{reason}=ImagePullFailed")
    assert "401 Unauthorized" in kubectl.condition(target, "Ready")["message"]
    hand_on(kubectl, PULLER_ANEW, inside)
    await_state(api, session.id, "idle")
    assert answer(api, api.post_message(session.id, "Ada")) == "hello Ada"

    pod = kubectl.read("pod", session.name, "-n", inside)
    assert pod
    assert pod["spec"]["imagePullSecrets"] == [{"name": "raworc-pull"}]
    image = {one["name"]: one["image"] for one in pod["spec"]["containers"]}
    assert image["agent"].startswith(f"{REGISTRY_OF_NODES}/{FOLDER}/")
    reads_no_other_secret(kubectl, inside)
    tells_nobody(kubectl, inside, session.name)

    api.delete_space(space)
    kubectl.wait_gone("namespace", inside)
    eventually(lambda: company.registry.tags(images) == [], "the images deleted", STARTED)


def hand_on(kubectl: Kubectl, account: Account, inside: str) -> None:
    """Change the account that pulls in its Secret, and wait until a space has the new one."""
    accounts = account.shown_to(REGISTRY_OF_NODES)
    kubectl.apply(account_secret(PULL_SECRET, account, REGISTRY_OF_NODES))
    (operator,) = kubectl.pods("operator")
    file = ("exec", operator, "-n", SYSTEM, "--", "cat", "/etc/raworc/registry/pull/config.json")
    copy = ("get", "secret", "raworc-pull", "-n", inside, "-o", "jsonpath={.data}")
    # The kubelet and the operator look every minute; what changes before their eyes they look at.
    kubectl("annotate", "pod", operator, "-n", SYSTEM, "raworc.dev/e2e=look")
    eventually(lambda: kubectl(*file) == accounts, "the new account in the operator", STARTED)
    kubectl("annotate", "namespace", inside, "raworc.dev/e2e=look")
    encoded = b64encode(accounts.encode()).decode()
    eventually(lambda: encoded in kubectl(*copy), "the new account in the space", STARTED)


def reads_no_other_secret(kubectl: Kubectl, inside: str) -> None:
    """Check that agents may read no Secret, and the operator none but its copies."""
    agents, operator = f"{inside}:raworc-session", f"{SYSTEM}:raworc-operator"
    assert not may_read(kubectl, agents, "raworc-pull", inside)
    assert not may_read(kubectl, agents, "raworc-push", inside)
    assert may_read(kubectl, operator, "raworc-push", inside)
    assert not may_read(kubectl, operator, PUSH_SECRET, SYSTEM)
    assert not may_read(kubectl, operator, "raworc-admin", SYSTEM)


def may_read(kubectl: Kubectl, account: str, secret: str, namespace: str) -> bool:
    """Ask the cluster whether a service account may read a Secret."""
    whom = f"--as=system:serviceaccount:{account}"
    try:
        return "yes" in kubectl("auth", "can-i", "get", f"secret/{secret}", "-n", namespace, whom)
    except RefusedByClusterError:
        return False


# By a label alone kubectl shows ten lines, of one container of each pod.
WHOLE_LOG = ("--all-containers", "--tail=-1", "--max-log-requests=20")
OPERATOR = "app.kubernetes.io/component=operator"


def tells_nobody(kubectl: Kubectl, inside: str, session: str) -> None:
    """Check that no account stands where people or agents look."""
    seen = "".join(
        (
            kubectl("get", "events,pods,jobs,configmaps,agentsessions", "-n", inside, "-o", "yaml"),
            kubectl("get", "spaces", "-o", "yaml"),
            kubectl("logs", "-l", "raworc.dev/component=build", "-n", inside, *WHOLE_LOG),
            kubectl("logs", "-l", OPERATOR, "-n", SYSTEM, *WHOLE_LOG),
            kubectl("exec", session, "-n", inside, "--", "env"),
        )
    )
    assert "Ready" in seen
    for account in (PUSHER, PULLER, PULLER_ANEW):
        shown = json.loads(account.shown_to("it"))["auths"]["it"]["auth"]
        assert account.password not in seen
        assert shown not in seen
