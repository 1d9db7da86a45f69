"""From events of the cluster to what is written into it."""

from typing import Any

from tests.component.raworc_operator.conftest import Bed, Eventually

from raworc_crds.space import SpaceReason
from raworc_kube.objects import Manifest
from raworc_sources.problems import SourceError

SPACES = "raworc.dev/v1alpha1/spaces"
SESSIONS = "raworc.dev/v1alpha1/agentsessions"
PODS, CLAIMS, JOBS = "v1/pods", "v1/persistentvolumeclaims", "batch/v1/jobs"
INSIDE = "raworc-team"
DIGEST = "sha256:" + "d" * 64


def put_space(bed: Bed, agents: list[Manifest] | None = None, **parts: Any) -> None:  # noqa: ANN401
    given = [{"name": "echo", "repo": "o/r"}] if agents is None else agents
    bed.put(SPACES, None, "team", spec={"agents": given}, **parts)


def put_session(bed: Bed) -> None:
    bed.put(SESSIONS, INSIDE, "talk", spec={"space": "team"})


def put_built_space(bed: Bed) -> None:
    build = {
        "id": "b",
        "key": "k",
        "state": "completed",
        "agents": [{"name": "echo", "commit": "c"}],
    }
    put_space(bed, status={"image": "image", "observedGeneration": 1, "build": build})


def status(bed: Bed, resource: str = SESSIONS) -> Manifest:
    key = (resource, INSIDE, "talk") if resource == SESSIONS else (resource, None, "team")
    return (bed.get(*key) or {}).get("status") or {}


def reason(bed: Bed, resource: str, kind: str = "Ready") -> str | None:
    found = status(bed, resource).get("conditions") or []
    return next((item["reason"] for item in found if item["type"] == kind), None)


async def start(bed: Bed, eventually: Eventually) -> None:
    """Wait for the pod of the session, and have it work."""
    await eventually(lambda: bed.has(PODS, INSIDE, "talk") and "podName" in status(bed))
    await bed.change(
        *(PODS, INSIDE, "talk"), status={"conditions": [{"type": "Ready", "status": "True"}]}
    )
    await eventually(lambda: status(bed).get("state") == "idle")


async def test_a_new_session_gets_a_volume_and_a_pod(bed: Bed, eventually: Eventually) -> None:
    put_built_space(bed)
    put_session(bed)
    async with bed.operator():
        await start(bed, eventually)
    assert bed.has(CLAIMS, INSIDE, "talk")
    assert reason(bed, SESSIONS) == "Ready"


async def test_a_session_is_closed_and_restored_on_its_volume(
    bed: Bed, eventually: Eventually
) -> None:
    put_built_space(bed)
    put_session(bed)
    async with bed.operator():
        await start(bed, eventually)
        closing = {"metadata": {"generation": 2}, "spec": {"closed": True}}
        await bed.change(SESSIONS, INSIDE, "talk", **closing)
        await eventually(lambda: status(bed).get("state") == "closed")
        assert not bed.has(PODS, INSIDE, "talk")
        assert bed.has(CLAIMS, INSIDE, "talk")
        opening = {"metadata": {"generation": 3}, "spec": {"closed": False}}
        await bed.change(SESSIONS, INSIDE, "talk", **opening)
        await start(bed, eventually)


async def test_a_pod_that_vanishes_is_replaced(bed: Bed, eventually: Eventually) -> None:
    put_built_space(bed)
    put_session(bed)
    async with bed.operator():
        await start(bed, eventually)
        await bed.delete(PODS, INSIDE, "talk")
        await eventually(lambda: status(bed).get("restarts") == 1)
        await start(bed, eventually)


async def test_what_the_host_reports_is_the_state(bed: Bed, eventually: Eventually) -> None:
    put_built_space(bed)
    put_session(bed)
    async with bed.operator():
        await start(bed, eventually)
        report = {"annotations": {"raworc.dev/host": "Pod-talk/busy"}}
        await bed.change(SESSIONS, INSIDE, "talk", metadata=report)
        await eventually(lambda: status(bed).get("state") == "busy")
    assert reason(bed, SESSIONS, "HostReady") == "HostReported"


async def test_a_spec_that_cannot_be_understood_is_answered(
    bed: Bed, eventually: Eventually
) -> None:
    bed.put(SESSIONS, INSIDE, "talk", spec={"space": "team", "nonsense": 1})
    async with bed.operator():
        await eventually(lambda: reason(bed, SESSIONS) == "InvalidSpec")
    assert status(bed)["state"] == "errored"


async def test_a_space_gets_its_namespace_and_what_belongs_in_it(
    bed: Bed, eventually: Eventually
) -> None:
    put_space(bed, agents=[])
    async with bed.operator():
        await eventually(lambda: reason(bed, SPACES) == "NoAgents")
    assert bed.has("v1/namespaces", None, INSIDE)
    assert bed.has("v1/serviceaccounts", INSIDE, "raworc-session")
    assert bed.has("networking.k8s.io/v1/networkpolicies", INSIDE, "raworc-sessions")


async def test_a_namespace_of_somebody_else_is_left_alone(bed: Bed, eventually: Eventually) -> None:
    bed.put("v1/namespaces", None, INSIDE)
    put_space(bed)
    async with bed.operator():
        await eventually(lambda: reason(bed, SPACES) == "NamespaceTaken")
    assert not bed.has("v1/serviceaccounts", INSIDE, "raworc-session")


async def test_a_namespace_with_the_label_of_the_space_is_adopted(
    bed: Bed, eventually: Eventually
) -> None:
    bed.put("v1/namespaces", None, INSIDE, metadata={"labels": {"raworc.dev/space": "team"}})
    put_space(bed, agents=[])
    async with bed.operator():
        await eventually(lambda: reason(bed, SPACES) == "NoAgents")
    adopted = bed.get("v1/namespaces", None, INSIDE) or {}
    assert adopted["metadata"]["ownerReferences"][0]["uid"] == "uid-team"


async def build(bed: Bed, eventually: Eventually) -> str:
    """Wait for the Job of the space's build, and return the id of the build."""
    await eventually(lambda: "build" in status(bed, SPACES))
    found: str = status(bed, SPACES)["build"]["id"]
    await eventually(lambda: bed.has(JOBS, INSIDE, f"build-{found}"))
    return found


def put_pushed_pod(bed: Bed, build_id: str) -> Manifest:
    ended = {"terminated": {"exitCode": 0, "message": DIGEST}}
    labels = {
        "raworc.dev/space": "team",
        "raworc.dev/component": "build",
        "batch.kubernetes.io/job-name": f"build-{build_id}",
    }
    bed.put(PODS, INSIDE, "build-pod", metadata={"labels": labels})
    return {"containerStatuses": [{"name": "kaniko", "state": ended}]}


async def test_a_build_ends_in_an_image_and_wakes_the_sessions_that_waited_for_it(
    bed: Bed, eventually: Eventually
) -> None:
    put_space(bed)
    put_session(bed)
    async with bed.operator():
        await eventually(lambda: reason(bed, SESSIONS) == "SpaceNotBuilt")
        pushed = put_pushed_pod(bed, await build(bed, eventually))
        await bed.change(PODS, INSIDE, "build-pod", status=pushed)
        await eventually(lambda: reason(bed, SPACES) == "Ready")
        await start(bed, eventually)
    assert status(bed, SPACES)["image"] == f"pull.test/raworc_space_team@{DIGEST}"


async def test_an_operator_that_comes_back_carries_on_with_a_build(
    bed: Bed, eventually: Eventually
) -> None:
    put_space(bed)
    async with bed.operator():
        build_id = await build(bed, eventually)
    pushed = put_pushed_pod(bed, build_id)
    await bed.change(PODS, INSIDE, "build-pod", status=pushed)
    async with bed.operator():
        await eventually(lambda: reason(bed, SPACES) == "Ready")
    assert status(bed, SPACES)["build"]["id"] == build_id


async def test_what_was_built_before_needs_no_job(bed: Bed, eventually: Eventually) -> None:
    put_space(bed)
    async with bed.operator():
        build_id = await build(bed, eventually)
    await bed.delete(JOBS, INSIDE, f"build-{build_id}")
    bed.registry.images["raworc_space_team", build_id] = DIGEST
    async with bed.operator():
        await eventually(lambda: reason(bed, SPACES) == "Ready")
    assert not bed.has(JOBS, INSIDE, f"build-{build_id}")


async def test_a_ref_that_is_not_there_is_said_and_nothing_is_built(
    bed: Bed, eventually: Eventually
) -> None:
    bed.git.commits["nope"] = SourceError(SpaceReason.REF_NOT_FOUND, "There is no 'nope'.")
    put_space(bed, agents=[{"name": "echo", "repo": "o/r", "ref": "nope"}])
    async with bed.operator():
        await eventually(lambda: reason(bed, SPACES) == "RefNotFound")
    assert status(bed, SPACES)["build"]["message"] == "There is no 'nope'."


async def test_a_space_goes_once_its_images_are_gone(bed: Bed, eventually: Eventually) -> None:
    put_space(bed, agents=[])
    async with bed.operator():
        await eventually(lambda: reason(bed, SPACES) == "NoAgents")
        await bed.delete(SPACES, None, "team")
        await eventually(lambda: not bed.has(SPACES, None, "team"))
    assert bed.registry.deleted == ["raworc_space_team"]
