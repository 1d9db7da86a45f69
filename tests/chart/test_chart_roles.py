"""Roles: exactly what each part needs, written out, and nothing by wildcard."""

import json
from collections.abc import Callable
from itertools import product
from typing import Any

from raworc_crds.names import SESSION_ACCOUNT
from raworc_operator.builds.authorities import AUTHORITIES_NAME
from raworc_operator.spaces.network_policy import BUILD_POLICY, CLOSED_POLICY, SESSION_POLICY
from raworc_operator.spaces.quota import QUOTA_NAME
from raworc_operator.spaces.registry_secret import PULL_SECRET, PUSH_SECRET

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
Find = Callable[..., Manifest]

READ = ["get", "list", "watch"]
OPERATOR = {
    ("raworc.dev", "spaces"): [*READ, "patch"],
    ("raworc.dev", "agentsessions"): [*READ, "patch"],
    ("raworc.dev", "spaces/status"): ["get", "patch"],
    ("raworc.dev", "agentsessions/status"): ["get", "patch"],
    ("raworc.dev", "spaces/finalizers"): ["update"],
    ("raworc.dev", "agentsessions/finalizers"): ["update"],
    ("apiextensions.k8s.io", "customresourcedefinitions"): READ,
    ("", "namespaces"): [*READ, "create", "patch"],
    ("", "resourcequotas"): ["list", "watch", "get", "create", "patch", "delete"],
    ("", "serviceaccounts"): ["get", "create", "patch"],
    ("", "configmaps"): ["get", "create", "patch"],
    ("", "secrets"): ["get", "create", "patch", "delete"],
    ("networking.k8s.io", "networkpolicies"): ["get", "create", "patch"],
    ("batch", "jobs"): [*READ, "create", "patch", "delete"],
    ("", "pods"): [*READ, "create", "patch", "delete"],
    ("", "persistentvolumeclaims"): [*READ, "create", "patch"],
    ("", "nodes"): READ,
    ("", "events"): ["create"],
    ("events.k8s.io", "events"): ["create"],
}
API = {
    ("authentication.k8s.io", "tokenreviews"): ["create"],
    ("raworc.dev", "spaces"): [*READ, "create", "patch", "delete"],
    ("raworc.dev", "agentsessions"): [*READ, "create", "patch", "delete"],
    ("", "namespaces"): ["get"],
    ("apiextensions.k8s.io", "customresourcedefinitions"): ["get"],
    ("", "pods"): ["get", "list"],
    ("", "pods/log"): ["get"],
}


def _granted(role: Manifest) -> dict[tuple[str, str], list[str]]:
    granted: dict[tuple[str, str], list[str]] = {}
    for rule in role["rules"]:
        for key in product(rule["apiGroups"], rule["resources"]):
            granted.setdefault(key, []).extend(rule["verbs"])
    return granted


def test_the_operator_may_do_exactly_this(find: Find) -> None:
    assert _granted(find("ClusterRole", "raworc-operator")) == OPERATOR


def test_the_api_may_do_exactly_this_in_the_cluster(find: Find) -> None:
    assert _granted(find("ClusterRole", "raworc-api")) == API


def test_the_api_reads_of_namespaces_and_definitions_only_what_names_the_cluster(
    find: Find,
) -> None:
    rules = find("ClusterRole", "raworc-api")["rules"]
    named = {
        rule["resources"][0]: rule["resourceNames"] for rule in rules if "resourceNames" in rule
    }
    assert named == {
        "namespaces": ["kube-system"],
        "customresourcedefinitions": ["spaces.raworc.dev", "agentsessions.raworc.dev"],
    }


def test_the_api_may_do_exactly_this_in_its_namespace(find: Find) -> None:
    leases = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
    assert find("Role", "raworc-api")["rules"] == [
        {**leases, "verbs": ["create"]},
        {**leases, "resourceNames": ["raworc-mirror"], "verbs": ["get", "update"]},
    ]


def test_nothing_is_granted_by_wildcard(render: Render) -> None:
    roles = [found for found in render() if found["kind"] in {"Role", "ClusterRole"}]
    assert len(roles) == 3
    assert "*" not in json.dumps([role["rules"] for role in roles])


def test_nobody_runs_commands_in_pods(render: Render) -> None:
    roles = [found for found in render() if found["kind"] in {"Role", "ClusterRole"}]
    resources = {resource for role in roles for _, resource in _granted(role)}
    assert not resources & {"pods/exec", "pods/attach", "nodes/proxy", "roles"}


def test_only_the_operator_has_secrets_and_only_two_by_their_names(render: Render) -> None:
    roles = [found for found in render() if found["kind"] in {"Role", "ClusterRole"}]
    granting = [
        (role["metadata"]["name"], rule.get("resourceNames"))
        for role in roles
        for rule in role["rules"]
        if "secrets" in rule["resources"]
    ]
    assert granting == [("raworc-operator", [PUSH_SECRET, PULL_SECRET])]


def test_what_the_operator_names_always_alike_is_granted_by_that_name(find: Find) -> None:
    named = {
        resource: rule["resourceNames"]
        for rule in find("ClusterRole", "raworc-operator")["rules"]
        for resource in rule["resources"]
        if "resourceNames" in rule
    }
    assert named == {
        "resourcequotas": [QUOTA_NAME],
        "serviceaccounts": [SESSION_ACCOUNT],
        "configmaps": [AUTHORITIES_NAME],
        "networkpolicies": [CLOSED_POLICY, SESSION_POLICY, BUILD_POLICY],
        "secrets": [PUSH_SECRET, PULL_SECRET],
    }


def test_every_role_is_bound_to_the_account_of_its_part(find: Find, render: Render) -> None:
    bindings = [found for found in render() if found["kind"].endswith("RoleBinding")]
    assert len(bindings) == 3
    for binding in bindings:
        name = binding["roleRef"]["name"]
        find(binding["roleRef"]["kind"], name)
        (subject,) = binding["subjects"]
        assert subject == {"kind": "ServiceAccount", "name": name, "namespace": "raworc-system"}
        pod = find("Deployment", name)["spec"]["template"]["spec"]
        assert pod["serviceAccountName"] == name


def test_the_admission_policy_is_about_the_operators_account(find: Find) -> None:
    spec = find("ValidatingAdmissionPolicy", "raworc-operator")["spec"]
    (condition,) = spec["matchConditions"]
    account = "system:serviceaccount:raworc-system:raworc-operator"
    assert condition["expression"] == f"request.userInfo.username == '{account}'"
    assert spec["failurePolicy"] == "Fail"
    binding = find("ValidatingAdmissionPolicyBinding", "raworc-operator")["spec"]
    assert binding == {"policyName": "raworc-operator", "validationActions": ["Deny"]}


def test_the_admission_policy_follows_the_values(find: Find, render: Render) -> None:
    flags = ("--set", "operator.serviceAccount.name=op,namespacePrefix=team-")
    text = json.dumps(find("ValidatingAdmissionPolicy", "raworc-operator", *flags)["spec"])
    assert "system:serviceaccount:raworc-system:op'" in text
    assert "== 'team-' + one.metadata" in text
    assert "raworc-NAME" not in text
    kinds = {found["kind"] for found in render("--set", "admissionPolicy.enabled=false")}
    assert not [kind for kind in kinds if "Admission" in kind]


def test_roles_and_accounts_can_be_left_to_others(find: Find, render: Render) -> None:
    kinds = {found["kind"] for found in render(values="bundled")}
    assert not {kind for kind in kinds if "Role" in kind or kind == "ServiceAccount"}
    pod = find("Deployment", "team-operator", values="bundled")["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "operator-account"
