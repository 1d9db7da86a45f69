"""Whole passes over sessions and spaces, on a cluster in memory."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.raworc_operator.fakes import FakeCluster, FakeGit, FakeRegistry
from tests.unit.raworc_operator.samples import NOON, READY, SETTINGS, claim, pod, session, space

from raworc_crds.space import SpaceReason
from raworc_kube.errors import ObjectConflictError, RefusedError
from raworc_kube.objects import JOB, POD, SECRET, SESSION, SPACE, Key, Manifest
from raworc_operator.context import Context
from raworc_operator.resync import look_at_everything
from raworc_operator.sessions.reconcile import reconcile_session
from raworc_operator.spaces.reconcile import reconcile_space
from raworc_operator.spaces.removal import NotYetError, remove_images
from raworc_operator.workqueue import WorkQueue
from raworc_sources.problems import SourceError, UnreachableError
from raworc_sources.registry import AccountRefusedError, RegistryError

INSIDE = "raworc-team"
TALK = Key(SESSION, "talk", INSIDE)
TEAM = Key(SPACE, "team")
DIGEST = "sha256:" + "d" * 64


@dataclass(frozen=True)
class Bed:
    """A context in memory, and handles on its parts."""

    cluster: FakeCluster
    registry: FakeRegistry
    git: FakeGit
    context: Context

    def session(self) -> Manifest:
        """Make one pass over the session, and return its status."""
        reconcile_session(self.context, INSIDE, "talk")
        found: Manifest = self.cluster.objects[TALK]["status"]
        return found

    def space(self) -> Manifest:
        """Make one pass over the space, and return its status."""
        reconcile_space(self.context, "team")
        found: Manifest = self.cluster.objects[TEAM]["status"]
        return found

    def woken(self) -> set[str]:
        """Name the sessions that want a turn."""
        return {key.name for key in self.context.session_queue._due if isinstance(key, Key)}


@pytest.fixture
def bed() -> Iterator[Bed]:
    with ThreadPoolExecutor(1) as executor:
        cluster, registry, git = FakeCluster(), FakeRegistry(), FakeGit()
        turns = (WorkQueue(executor, ()), WorkQueue(executor, ()))
        context = Context(cluster, registry, git, SETTINGS, *turns, now=lambda: NOON)
        yield Bed(cluster, registry, git, context)


def reasons(status: Manifest) -> dict[str, str]:
    return {condition["type"]: condition["reason"] for condition in status["conditions"]}


def test_a_session_that_is_gone_is_no_error(bed: Bed) -> None:
    assert reconcile_session(bed.context, INSIDE, "talk") is None


def test_two_passes_write_as_much_as_one(bed: Bed) -> None:
    bed.cluster.have(space(), session())
    bed.session()
    written = (list(bed.cluster.made), list(bed.cluster.patches))
    bed.session()
    assert (bed.cluster.made, bed.cluster.patches) == written
    assert bed.cluster.made == ["PersistentVolumeClaim 'talk'", "Pod 'talk'"]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("pods 'talk' is forbidden: exceeded quota: raworc, requested …", "QuotaExceeded"),
        ("violates PodSecurity", "PodRefused"),
    ],
)
def test_a_refusal_is_told_and_tried_again(bed: Bed, message: str, reason: str) -> None:
    bed.cluster.have(space(), session())
    bed.cluster.refusals["Pod"] = RefusedError(message)
    assert reconcile_session(bed.context, INSIDE, "talk") == 15
    status = bed.cluster.objects[TALK]["status"]
    assert (status["state"], reasons(status)["Ready"]) == ("errored", reason)


def test_somebody_who_was_faster_is_no_error(bed: Bed) -> None:
    bed.cluster.have(space(), session())
    bed.cluster.refusals["Pod"] = ObjectConflictError("pods 'talk' already exists")
    assert bed.session()["state"] == "init"


def test_a_pod_that_was_evicted_is_replaced_with_an_event(bed: Bed) -> None:
    bed.cluster.have(space(), session(), claim(), pod(phase="Failed", reason="Evicted"))
    assert reasons(bed.session())["Ready"] == "Evicted"
    assert bed.cluster.events == ["PodReplaced"]
    bed.session()
    made = bed.cluster.objects[Key(POD, "talk", INSIDE)]
    assert "Evicted" in made["metadata"]["annotations"]["raworc.dev/replaces"]
    assert bed.session()["restarts"] == 1


def test_closing_tells_of_no_replacement(bed: Bed) -> None:
    bed.cluster.have(space(), session(closed=True), claim(), pod(READY))
    bed.session()
    assert (bed.cluster.deleted, bed.cluster.events) == (["Pod 'talk'"], [])
    assert bed.session()["state"] == "closed"


def built(bed: Bed) -> str:
    """Have the build of the space in the registry, and return its id."""
    build: str = bed.space()["build"]["id"]
    bed.registry.images["raworc_space_team", build] = DIGEST
    return build


def build_pods(build: str, **ended: Any) -> Manifest:  # noqa: ANN401
    labels = {"batch.kubernetes.io/job-name": f"build-{build}", "raworc.dev/component": "build"}
    status = {"containerStatuses": [{"name": "kaniko", "state": {"terminated": ended}}]}
    metadata = {"name": "p", "namespace": INSIDE, "labels": labels, "uid": "p"}
    return {"kind": "Pod", "metadata": metadata, "status": status}


def test_a_new_space_begins_a_build(bed: Bed) -> None:
    bed.cluster.have(space({}))
    status = bed.space()
    assert status["build"]["state"] == "pending"
    assert status["build"]["agents"] == [{"name": "echo", "commit": "c" * 40}]
    assert reasons(status)["Ready"] == "Building"
    assert bed.cluster.events == ["BuildStarted"]


def test_a_build_is_followed_to_its_image(bed: Bed) -> None:
    bed.cluster.have(space({}), session())
    build = bed.space()["build"]["id"]
    bed.cluster.have(build_pods(build, exitCode=0, message=DIGEST))
    status = bed.space()
    assert status["image"] == f"pull.test/raworc_space_team@{DIGEST}"
    assert status["build"]["state"] == "completed"
    assert bed.woken() == {"talk"}
    assert bed.cluster.events == ["BuildStarted", "BuildCompleted"]


def test_refs_are_resolved_once_for_each_generation(bed: Bed) -> None:
    bed.cluster.have(space({}))
    build = bed.space()["build"]["id"]
    bed.cluster.have(build_pods(build, exitCode=0, message=DIGEST))
    for _ in range(3):
        bed.space()
    assert len(bed.git.asked) == 1


def test_what_the_registry_has_is_not_built_again(bed: Bed) -> None:
    bed.cluster.have(space({}))
    build = built(bed)
    bed.cluster.objects = {}
    bed.cluster.have(space({}))
    bed.cluster.made.clear()
    assert bed.space()["build"]["state"] == "completed"
    assert f"Job 'build-{build}'" not in bed.cluster.made


def changed(bed: Bed, **spec: Any) -> None:  # noqa: ANN401
    """Change the spec of the space."""
    seen = bed.cluster.objects[TEAM]
    metadata = {**seen["metadata"], "generation": seen["metadata"]["generation"] + 1}
    bed.cluster.objects[TEAM] = {**seen, "metadata": metadata, "spec": {**seen["spec"], **spec}}


def failed(bed: Bed) -> Manifest:
    """Have a build that failed, with its Job still there."""
    bed.cluster.have(space({}))
    build = bed.space()["build"]["id"]
    bed.cluster.have(build_pods(build, exitCode=1, message="no such package"))
    job = bed.cluster.objects[Key(JOB, f"build-{build}", INSIDE)]
    job["status"] = {"conditions": [{"type": "Failed", "status": "True"}]}
    return bed.space()


def test_a_build_that_failed_is_left_alone_until_somebody_asks(bed: Bed) -> None:
    status = failed(bed)
    assert reasons(status)["Built"] == "BuildFailed"
    assert status["build"]["message"] == "no such package"
    bed.cluster.made.clear()
    changed(bed, description="no matter")
    assert bed.space()["build"]["state"] == "failed"
    assert bed.cluster.made == []


def test_a_build_that_failed_is_made_anew_when_somebody_asks(bed: Bed) -> None:
    build = failed(bed)["build"]["id"]
    changed(bed, rebuild="please")
    status = bed.space()["build"]
    assert (status["state"], status["rebuild"]) == ("pending", "please")
    assert "reason" not in status
    assert bed.cluster.deleted == [f"Job 'build-{build}'"]


def test_the_last_good_image_stays_while_a_new_build_fails(bed: Bed) -> None:
    bed.cluster.have(space({}))
    build = bed.space()["build"]["id"]
    bed.cluster.have(build_pods(build, exitCode=0, message=DIGEST))
    image = bed.space()["image"]
    bed.git.answers[:] = [SourceError(SpaceReason.REF_NOT_FOUND, "There is no 'x'.")]
    changed(bed, rebuild="again")
    status = bed.space()
    assert status["image"] == image
    assert (reasons(status)["Ready"], reasons(status)["Built"]) == ("Ready", "RefNotFound")


def test_a_newer_build_stops_the_one_before(bed: Bed) -> None:
    bed.cluster.have(space({}))
    first = bed.space()["build"]["id"]
    bed.git.answers[:] = ["e" * 40]
    changed(bed, rebuild="newer")
    assert bed.space()["build"]["id"] != first
    assert bed.cluster.deleted == [f"Job 'build-{first}'"]


def test_a_repository_that_is_away_is_asked_again_soon(bed: Bed) -> None:
    bed.cluster.have(space({}))
    bed.git.answers[:] = [UnreachableError("It did not answer.")]
    assert reconcile_space(bed.context, "team") == 10
    assert reasons(bed.space())["Built"] == "RepositoryUnreachable"
    assert len(bed.git.asked) == 1


def test_a_base_image_that_is_not_there_is_said(bed: Bed) -> None:
    bed.cluster.have(space({}))
    bed.registry.base = None
    assert reasons(bed.space())["Built"] == "BaseImageNotFound"


@pytest.mark.parametrize(
    ("problem", "reason", "seconds"),
    [
        (AccountRefusedError("It refuses."), "RegistryRefused", 60),
        (RegistryError("It is away."), "RegistryUnreachable", 10),
    ],
)
def test_a_registry_that_does_not_help_is_said(
    bed: Bed, problem: Exception, reason: str, seconds: int
) -> None:
    bed.cluster.have(space({}))
    bed.registry.problem = problem
    assert reconcile_space(bed.context, "team") == seconds
    status = bed.space()
    assert (reasons(status)["Built"], status["build"]["message"]) == (reason, str(problem))


def test_a_job_that_vanished_is_made_again_for_the_same_commits(bed: Bed) -> None:
    bed.cluster.have(space({}))
    build = bed.space()["build"]["id"]
    del bed.cluster.objects[Key(JOB, f"build-{build}", INSIDE)]
    bed.git.answers[:] = ["e" * 40]
    assert bed.space()["build"]["id"] == build
    assert bed.cluster.made.count(f"Job 'build-{build}'") == 2


def test_a_quota_comes_and_goes_with_the_spec(bed: Bed) -> None:
    bed.cluster.have(space({}, agents=[], quota={"sessions": 1}))
    assert reasons(bed.space())["QuotaAvailable"] == "WithinQuota"
    changed(bed, quota=None)
    assert reasons(bed.space())["QuotaAvailable"] == "NoQuota"
    assert bed.cluster.deleted == ["ResourceQuota 'raworc'"]


def test_authorities_are_copied_before_a_build(bed: Bed) -> None:
    trusting = replace(bed.context, settings=replace(SETTINGS, authorities="PEM"))
    bed.cluster.have(space({}))
    reconcile_space(trusting, "team")
    (copied,) = [item for key, item in bed.cluster.objects.items() if key.kind.name == "ConfigMap"]
    assert copied["data"] == {"ca.crt": "PEM"}


def secrets(bed: Bed) -> dict[str, Any]:
    return {key.name: one["data"] for key, one in bed.cluster.objects.items() if key.kind is SECRET}


def test_accounts_are_copied_anew_at_each_pass_and_taken_away_with_the_setting(
    bed: Bed, tmp_path: Path
) -> None:
    push, pull = tmp_path / "push", tmp_path / "pull"
    push.write_text("old")
    pull.write_text("{}")
    told = replace(SETTINGS, registry_push_account=push, registry_pull_account=pull)
    knowing = replace(bed.context, settings=told)
    bed.cluster.have(space())
    reconcile_space(knowing, "team")
    assert secrets(bed) == {
        "raworc-push": {".dockerconfigjson": "b2xk"},
        "raworc-pull": {".dockerconfigjson": "e30="},
    }
    push.write_text("new")
    reconcile_space(knowing, "team")
    assert secrets(bed)["raworc-push"] == {".dockerconfigjson": "bmV3"}
    reconcile_space(bed.context, "team")
    assert secrets(bed) == {}


def test_a_session_is_pulled_with_the_account_of_the_nodes(bed: Bed, tmp_path: Path) -> None:
    settings = replace(SETTINGS, registry_pull_account=tmp_path / "pull")
    bed.cluster.have(space(), session())
    reconcile_session(replace(bed.context, settings=settings), INSIDE, "talk")
    made = bed.cluster.objects[Key(POD, "talk", INSIDE)]
    assert made["spec"]["imagePullSecrets"] == [{"name": "raworc-pull"}]


def test_a_build_is_stopped_before_the_images_of_its_space_are_deleted(bed: Bed) -> None:
    bed.cluster.have(space({}))
    build = bed.space()["build"]["id"]
    running = build_pods(build)
    running["status"] = {"phase": "Running"}
    bed.cluster.have(running)
    with pytest.raises(NotYetError):
        remove_images(bed.context, "team")
    assert bed.registry.deleted == []
    running["status"] = {"phase": "Failed"}
    remove_images(bed.context, "team")
    assert bed.registry.deleted == ["raworc_space_team"]


def test_a_resync_wakes_only_what_would_change(bed: Bed) -> None:
    bed.cluster.have(space(), session())
    bed.session()
    look_at_everything(bed.context)
    assert bed.woken() == set()
    del bed.cluster.objects[Key(POD, "talk", INSIDE)]
    look_at_everything(bed.context)
    assert bed.woken() == {"talk"}
