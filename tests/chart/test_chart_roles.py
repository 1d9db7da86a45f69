"""Roles: exactly what each part needs, written out, and nothing by wildcard."""

import json
from collections.abc import Callable
from typing import Any

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
Find = Callable[..., Manifest]

# One row for each resource that a rule names: group, resource, verbs, names. A rule that stands
# twice, or grants in a second place what the first did not, is a row too many.
Row = tuple[str, str, str, str]
READ = "get list watch"
CLUSTER_ROLES: dict[str, list[Row]] = {
    "raworc-operator": [
        ("raworc.dev", "spaces", READ, ""),
        ("raworc.dev", "agentsessions", READ, ""),
        ("raworc.dev", "spaces/status", "get patch", ""),
        ("raworc.dev", "agentsessions/status", "get patch", ""),
        ("raworc.dev", "spaces/finalizers", "update", ""),
        ("raworc.dev", "agentsessions/finalizers", "update", ""),
        ("apiextensions.k8s.io", "customresourcedefinitions", READ, ""),
        ("", "namespaces", f"{READ} create patch", ""),
        ("", "resourcequotas", "list watch", ""),
        ("", "resourcequotas", "get create patch delete", "raworc"),
        ("", "serviceaccounts", "get create patch", "raworc-session"),
        ("", "configmaps", "get create patch", "raworc-ca"),
        (
            "networking.k8s.io",
            "networkpolicies",
            "get create patch",
            "raworc-default-deny raworc-sessions raworc-builds",
        ),
        ("", "secrets", "get create patch delete", "raworc-push raworc-pull"),
        ("batch", "jobs", f"{READ} create delete", ""),
        ("", "pods", f"{READ} create delete", ""),
        ("", "persistentvolumeclaims", f"{READ} create", ""),
        ("", "nodes", READ, ""),
        ("", "events", "create", ""),
        ("events.k8s.io", "events", "create", ""),
    ],
    "raworc-api": [
        ("authentication.k8s.io", "tokenreviews", "create", ""),
        ("raworc.dev", "spaces", f"{READ} create patch delete", ""),
        ("raworc.dev", "agentsessions", f"{READ} create patch delete", ""),
        ("raworc.dev", "agentsessions/status", "patch", ""),
        ("", "namespaces", "get", "kube-system"),
        (
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            "get",
            "spaces.raworc.dev agentsessions.raworc.dev",
        ),
        ("", "pods", "get list", ""),
        ("", "pods/log", "get", ""),
    ],
}
ROLES: dict[str, list[Row]] = {
    "raworc-api": [
        ("coordination.k8s.io", "leases", "create", ""),
        ("coordination.k8s.io", "leases", "get update", "raworc-mirror"),
    ],
}


def _rows(role: Manifest) -> list[Row]:
    known = {"apiGroups", "resources", "resourceNames", "verbs"}
    for rule in role["rules"]:
        assert rule.keys() <= known, f"{rule} grants in a way that no row shows."
    return [
        (group, resource, " ".join(rule["verbs"]), " ".join(rule.get("resourceNames", ())))
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    ]


def _granted(manifests: list[Manifest], kind: str) -> dict[str, list[Row]]:
    roles = [found for found in manifests if found["kind"] == kind]
    names = [role["metadata"]["name"] for role in roles]
    assert len(set(names)) == len(names)
    assert all("aggregationRule" not in role for role in roles)
    return {role["metadata"]["name"]: _rows(role) for role in roles}


def test_the_parts_may_do_exactly_this_in_the_cluster(render: Render) -> None:
    assert _granted(render(), "ClusterRole") == CLUSTER_ROLES


def test_the_parts_may_do_exactly_this_in_their_namespace(render: Render) -> None:
    assert _granted(render(), "Role") == ROLES


def test_nothing_is_granted_by_wildcard(render: Render) -> None:
    for kind in ("Role", "ClusterRole"):
        for rows in _granted(render(), kind).values():
            assert "*" not in " ".join(word for row in rows for word in row)


def test_every_role_is_bound_to_the_account_of_its_part(find: Find, render: Render) -> None:
    bindings = [found for found in render() if found["kind"].endswith("RoleBinding")]
    assert len(bindings) == len(CLUSTER_ROLES) + len(ROLES)
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
