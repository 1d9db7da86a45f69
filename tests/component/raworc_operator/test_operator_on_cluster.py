"""From events of the cluster to what is written into it."""

from typing import Any

from tests.component.raworc_operator.conftest import BUILT, Bed, Eventually

from raworc_crds.group import COMPONENT_LABEL, SPACE_LABEL
from raworc_crds.space import SpaceReason
from raworc_kube.objects import (
    CLAIM,
    JOB,
    NAMESPACE,
    NETWORK_POLICY,
    POD,
    SERVICE_ACCOUNT,
    SESSION,
    SPACE,
    Kind,
    Manifest,
)
from raworc_sources.problems import SourceError

DIGEST = "sha256:" + "d" * 64


def put_space(bed: Bed, agents: list[Manifest] | None = None, **parts: Any) -> Manifest:  # noqa: ANN401
    given = [{"name": "echo", "repo": "o/r"}] if agents is None else agents
    return bed.put(SPACE, bed.space, spec={"agents": given}, **parts)


def put_session(bed: Bed) -> None:
    bed.put(NAMESPACE, bed.namespace, metadata={"labels": {SPACE_LABEL: bed.space}})
    bed.put(SESSION, "talk", spec={"space": bed.space})


def put_built_space(bed: Bed) -> None:
    put_space(bed, status=BUILT)


def status(bed: Bed, kind: Kind = SESSION) -> Manifest:
    name = "talk" if kind == SESSION else bed.space
    return (bed.get(kind, name) or {}).get("status") or {}


def reason(bed: Bed, kind: Kind, condition: str = "Ready") -> str | None:
    found = status(bed, kind).get("conditions") or []
    return next((item["reason"] for item in found if item["type"] == condition), None)


def start(bed: Bed, eventually: Eventually) -> None:
    """Wait for the pod of the session, and have it work."""
    eventually(lambda: bed.has(POD, "talk") and "podName" in status(bed))
    bed.change_status(POD, "talk", conditions=[{"type": "Ready", "status": "True"}])
    eventually(lambda: status(bed).get("state") == "idle")


def test_a_new_session_gets_a_volume_and_a_pod(bed: Bed, eventually: Eventually) -> None:
    put_built_space(bed)
    put_session(bed)
    with bed.operator():
        start(bed, eventually)
    assert bed.has(CLAIM, "talk")
    assert reason(bed, SESSION) == "Ready"


def test_a_session_is_closed_and_restored_on_its_volume(bed: Bed, eventually: Eventually) -> None:
    put_built_space(bed)
    put_session(bed)
    with bed.operator():
        start(bed, eventually)
        bed.change(SESSION, "talk", spec={"closed": True})
        eventually(lambda: status(bed).get("state") == "closed")
        assert not bed.has(POD, "talk")
        assert bed.has(CLAIM, "talk")
        bed.change(SESSION, "talk", spec={"closed": False})
        start(bed, eventually)


def test_a_pod_that_vanishes_is_replaced(bed: Bed, eventually: Eventually) -> None:
    put_built_space(bed)
    put_session(bed)
    with bed.operator():
        start(bed, eventually)
        before = bed.get(POD, "talk")
        bed.delete(POD, "talk")
        eventually(lambda: bed.get(POD, "talk") not in (None, before))
        start(bed, eventually)
        # Nothing was wrong with the one that was deleted.
        assert status(bed)["restarts"] == 0


def test_what_the_host_reports_is_the_state(bed: Bed, eventually: Eventually) -> None:
    put_built_space(bed)
    put_session(bed)
    with bed.operator():
        start(bed, eventually)
        pod = bed.get(POD, "talk") or {}
        report = {"podUid": pod["metadata"]["uid"], "state": "busy"}
        bed.change_status(SESSION, "talk", host=report)
        eventually(lambda: status(bed).get("state") == "busy")
        assert reason(bed, SESSION, "HostReady") == "HostReported"
        bed.change_status(SESSION, "talk", host={**report, "state": "silent"})
        eventually(lambda: reason(bed, SESSION, "HostReady") == "HostSilent")
        assert (status(bed)["state"], reason(bed, SESSION)) == ("errored", "HostSilent")
    assert status(bed)["host"] == {**report, "state": "silent"}


def test_a_spec_that_cannot_be_understood_is_answered(bed: Bed, eventually: Eventually) -> None:
    def later_field() -> bool:
        # The server goes on to drop it for a moment.
        return "nonsense" in bed.change(SESSION, "talk", spec={"nonsense": 1})["spec"]

    put_session(bed)
    with bed.definition_of_a_later_version(SESSION):
        eventually(later_field)
        bed.change(SESSION, "talk", spec={"agent": ["of another type"]})
        with bed.operator():
            eventually(lambda: reason(bed, SESSION) == "InvalidSpec")
        assert status(bed)["state"] == "errored"


def test_a_space_gets_its_namespace_and_what_belongs_in_it(
    bed: Bed, eventually: Eventually
) -> None:
    put_space(bed, agents=[])
    with bed.operator():
        eventually(lambda: reason(bed, SPACE) == "NoAgents")
    assert bed.has(NAMESPACE, bed.namespace)
    assert bed.has(SERVICE_ACCOUNT, "raworc-session")
    for name in ("raworc-default-deny", "raworc-sessions", "raworc-builds"):
        assert bed.has(NETWORK_POLICY, name)


def policy_spec(bed: Bed) -> Any:  # noqa: ANN401 - any JSON
    policy = bed.get(NETWORK_POLICY, "raworc-sessions")
    assert policy is not None
    return policy["spec"]


def test_a_space_may_not_open_the_clusters_own_addresses(bed: Bed, eventually: Eventually) -> None:
    put_space(bed, agents=[])
    asked = {"network": {"egress": [{"cidr": "10.96.0.1/32"}]}}
    with bed.operator():
        eventually(lambda: reason(bed, SPACE) == "NoAgents")
        before = policy_spec(bed)
        bed.change(SPACE, bed.space, spec=asked)
        eventually(lambda: reason(bed, SPACE) == "InvalidSpec")
        (said,) = [one["message"] for one in status(bed, SPACE)["conditions"]]
        assert "`network.egress[0].cidr` must not be inside of the cluster's own" in said
        assert policy_spec(bed) == before
        asked["network"]["egress"][0]["cidr"] = "10.0.0.0/8"
        bed.change(SPACE, bed.space, spec=asked)
        eventually(lambda: reason(bed, SPACE) == "NoAgents")
    opened = (bed.get(NETWORK_POLICY, "raworc-sessions") or {})["spec"]["egress"][-1]
    assert opened["to"] == [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.96.0.0/16"]}}]


def test_a_namespace_of_somebody_else_is_left_alone(bed: Bed, eventually: Eventually) -> None:
    bed.put(NAMESPACE, bed.namespace)
    put_space(bed)
    with bed.operator():
        eventually(lambda: reason(bed, SPACE) == "NamespaceTaken")
    assert not bed.has(SERVICE_ACCOUNT, "raworc-session")


def test_a_namespace_with_the_label_of_the_space_is_adopted(
    bed: Bed, eventually: Eventually
) -> None:
    bed.put(NAMESPACE, bed.namespace, metadata={"labels": {SPACE_LABEL: bed.space}})
    space = put_space(bed, agents=[])
    with bed.operator():
        eventually(lambda: reason(bed, SPACE) == "NoAgents")
    adopted = bed.get(NAMESPACE, bed.namespace) or {}
    assert adopted["metadata"]["ownerReferences"][0]["uid"] == space["metadata"]["uid"]


def build(bed: Bed, eventually: Eventually) -> str:
    """Wait for the Job of the space's build, and return the id of the build."""
    eventually(lambda: "build" in status(bed, SPACE))
    found: str = status(bed, SPACE)["build"]["id"]
    eventually(lambda: bed.has(JOB, f"build-{found}"))
    return found


def push(bed: Bed, build_id: str) -> None:
    """Have the pod of a build end as one that pushed its image."""
    labels = {
        SPACE_LABEL: bed.space,
        COMPONENT_LABEL: "build",
        "batch.kubernetes.io/job-name": f"build-{build_id}",
    }
    job = bed.get(JOB, f"build-{build_id}") or {}
    spec = job["spec"]["template"]["spec"]
    # A controller would make the account, and then the pod.
    bed.put(SERVICE_ACCOUNT, "default")
    bed.put(POD, "build-pod", metadata={"labels": labels}, spec=spec)
    ended = {"terminated": {"exitCode": 0, "message": DIGEST}}
    bed.change_status(POD, "build-pod", containerStatuses=[{"name": "push", "state": ended}])


def test_a_build_ends_in_an_image_and_wakes_the_sessions_that_waited_for_it(
    bed: Bed, eventually: Eventually
) -> None:
    put_space(bed)
    put_session(bed)
    with bed.operator():
        eventually(lambda: reason(bed, SESSION) == "SpaceNotBuilt")
        push(bed, build(bed, eventually))
        eventually(lambda: reason(bed, SPACE) == "Ready")
        start(bed, eventually)
    assert status(bed, SPACE)["image"] == f"pull.test/raworc_space_{bed.space}@{DIGEST}"


def test_an_operator_that_comes_back_carries_on_with_a_build(
    bed: Bed, eventually: Eventually
) -> None:
    put_space(bed)
    with bed.operator():
        build_id = build(bed, eventually)
    push(bed, build_id)
    with bed.operator():
        eventually(lambda: reason(bed, SPACE) == "Ready")
    assert status(bed, SPACE)["build"]["id"] == build_id


def test_what_was_built_before_needs_no_job(bed: Bed, eventually: Eventually) -> None:
    put_space(bed)
    with bed.operator():
        build_id = build(bed, eventually)
    bed.delete(JOB, f"build-{build_id}")
    bed.sources.images[f"raworc_space_{bed.space}", build_id] = DIGEST
    with bed.operator():
        eventually(lambda: reason(bed, SPACE) == "Ready")
    assert not bed.has(JOB, f"build-{build_id}")


def test_a_ref_that_is_not_there_is_said_and_nothing_is_built(
    bed: Bed, eventually: Eventually
) -> None:
    bed.sources.commits["nope"] = SourceError(SpaceReason.REF_NOT_FOUND, "There is no 'nope'.")
    put_space(bed, agents=[{"name": "echo", "repo": "o/r", "ref": "nope"}])
    with bed.operator():
        eventually(lambda: reason(bed, SPACE) == "RefNotFound")
    assert status(bed, SPACE)["build"]["message"] == "There is no 'nope'."


def test_the_images_of_a_space_go_after_it(bed: Bed, eventually: Eventually) -> None:
    put_space(bed, agents=[])
    with bed.operator():
        eventually(lambda: reason(bed, SPACE) == "NoAgents")
        bed.delete(SPACE, bed.space)
        eventually(lambda: not bed.has(SPACE, bed.space))
        eventually(lambda: bed.sources.deleted == [f"raworc_space_{bed.space}"])
