"""Whole passes over sessions and spaces, on a cluster in memory."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.raworc_operator.conftest import DIGEST, INSIDE, TALK, TEAM, Bed, reasons
from tests.unit.raworc_operator.samples import (
    NOON,
    NOON_TEXT,
    READY,
    RUNNING,
    SETTINGS,
    build_pods,
    claim,
    pod,
    session,
    space,
)

from raworc_crds.space import SpaceReason
from raworc_kube.errors import (
    ClusterError,
    ForbiddenObjectError,
    InvalidObjectError,
    ObjectConflictError,
    RefusedError,
)
from raworc_kube.objects import CLAIM, JOB, POD, SECRET, SESSION, Key, Manifest
from raworc_operator.builds.images import remove_gone_spaces
from raworc_operator.context import Context
from raworc_operator.networks import Networks
from raworc_operator.nodes import OUT_OF_SERVICE_TAINT
from raworc_operator.resync import look_at_everything
from raworc_operator.sessions.reconcile import reconcile_session
from raworc_operator.sessions.view import RESTARTS_ANNOTATION
from raworc_operator.spaces.reconcile import reconcile_space
from raworc_operator.spaces.removal import Removal
from raworc_operator.workqueue import WorkQueue
from raworc_sources.problems import (
    AccountRefusedError,
    RegistryError,
    SourceError,
    UnreachableError,
)


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
    assert reconcile_session(bed.context, INSIDE, "talk") == 5
    status = bed.cluster.objects[TALK]["status"]
    assert (status["state"], reasons(status)["Ready"]) == ("errored", reason)


def test_somebody_who_was_faster_is_no_error(bed: Bed) -> None:
    bed.cluster.have(space(), session())
    bed.cluster.refusals["Pod"] = ObjectConflictError("pods 'talk' already exists")
    assert bed.session()["state"] == "init"


def test_a_volume_that_was_deleted_is_replaced_with_an_event_and_a_mark(bed: Bed) -> None:
    bed.cluster.have(space(), session(), claim(), pod(READY, **RUNNING))
    bed.session()
    for kind in (CLAIM, POD):
        del bed.cluster.objects[Key(kind, "talk", INSIDE)]
    bed.session()
    assert bed.cluster.events == ["VolumeLost"]
    key = Key(CLAIM, "talk", INSIDE)
    bed.cluster.objects[key] = {**bed.cluster.objects[key], "status": {"phase": "Bound"}}
    message = bed.session()["conditions"][1]["message"]
    words = "It replaces one that was deleted, and its files with it."
    assert message == f"The volume is bound. {words}"
    assert bed.cluster.events == ["VolumeLost"]


def test_a_volume_that_goes_while_its_pod_works_is_told_of_once(bed: Bed) -> None:
    going = claim()
    going["metadata"]["deletionTimestamp"] = NOON_TEXT
    bed.cluster.have(space(), session(), going, pod(READY, **RUNNING))
    assert [bed.session()["state"], bed.session()["state"]] == ["idle", "idle"]
    assert bed.cluster.events == ["VolumeLost"]
    assert bed.cluster.made == []


def test_pods_that_are_deleted_while_they_work_do_not_count_as_crashes(bed: Bed) -> None:
    bed.cluster.have(space(), session(), claim())
    for number in range(9):
        bed.session()
        made = bed.cluster.objects[Key(POD, "talk", INSIDE)]
        bed.cluster.have({**made, "status": {"conditions": [READY], **RUNNING}})
        assert bed.session()["restarts"] == 0, number
        del bed.cluster.objects[Key(POD, "talk", INSIDE)]
    assert bed.session()["state"] == "init"
    assert bed.cluster.made == ["Pod 'talk'"] * 10


def test_a_quota_says_what_of_a_session_is_its_host(bed: Bed) -> None:
    bed.cluster.have(space(), session())
    refusal = "exceeded quota: raworc, requested: limits.cpu=1500m, used: …"
    bed.cluster.refusals["Pod"] = ForbiddenObjectError(refusal)
    share = "1 of cpu and 128Mi of memory of that are for the host of the session"
    assert bed.session()["conditions"][2]["message"] == f"{refusal} ({share})"


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
    bed.sources.images["raworc_space_team", build] = DIGEST
    return build


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
    assert len(bed.sources.resolved) == 1


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


def test_a_change_of_something_else_leaves_a_running_build_alone(bed: Bed) -> None:
    bed.cluster.have(space({}))
    build = bed.space()["build"]["id"]
    changed(bed, quota={"cpu": "4"})
    bed.sources.problem = RegistryError("It is away.")
    assert bed.space()["build"]["id"] == build
    bed.cluster.have(build_pods(build, exitCode=0, message=DIGEST))
    assert reasons(bed.space())["Built"] == "Built"


@pytest.mark.parametrize("has_job", [True, False])
def test_agents_of_a_spec_that_was_invalid_are_built_once_it_is_valid(
    bed: Bed, *, has_job: bool
) -> None:
    bed.cluster.have(space({}))
    build = bed.space()["build"]["id"]
    if has_job:
        bed.cluster.have(build_pods(build, exitCode=0, message=DIGEST))
        bed.space()
    else:
        del bed.cluster.objects[Key(JOB, f"build-{build}", INSIDE)]
    inside = {"egress": [{"cidr": "10.1.0.0/16"}]}
    changed(bed, agents=[{"name": "other", "repo": "owner/agents"}], network=inside)
    networks = Networks(cluster_ranges=("10.0.0.0/8",))
    refusing = replace(bed.context, settings=replace(SETTINGS, networks=networks))
    reconcile_space(refusing, "team")
    assert reasons(bed.cluster.objects[TEAM]["status"])["Ready"] == "InvalidSpec"
    status = bed.space()
    assert [agent["name"] for agent in status["build"]["agents"]] == ["other"]
    assert status["build"]["state"] == "pending"


def test_a_build_waits_in_a_quota_for_as_long_as_it_takes(bed: Bed) -> None:
    bed.cluster.have(space({}))
    bed.space()
    hours = replace(bed.context, now=lambda: NOON + timedelta(hours=5))
    assert reconcile_space(hours, "team") == 600
    status = bed.cluster.objects[TEAM]["status"]
    assert (status["build"]["state"], reasons(status)["Built"]) == ("pending", "Building")


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
    bed.sources.commits[None] = SourceError(SpaceReason.REF_NOT_FOUND, "There is no 'x'.")
    changed(bed, rebuild="again")
    status = bed.space()
    assert status["image"] == image
    assert (reasons(status)["Ready"], reasons(status)["Built"]) == ("Ready", "RefNotFound")


def test_a_newer_build_stops_the_one_before(bed: Bed) -> None:
    bed.cluster.have(space({}))
    first = bed.space()["build"]["id"]
    bed.sources.commits[None] = "e" * 40
    changed(bed, rebuild="newer")
    assert bed.space()["build"]["id"] != first
    assert bed.cluster.deleted == [f"Job 'build-{first}'"]


@pytest.mark.parametrize(
    "problem",
    [
        UnreachableError("It did not answer."),
        AccountRefusedError("It refuses."),
        RegistryError("It is away."),
        SourceError(SpaceReason.BASE_IMAGE_NOT_FOUND, "It is not there."),
        SourceError(SpaceReason.SOURCES_UNREACHABLE, "They do not answer."),
    ],
)
def test_a_build_waits_for_its_surroundings_and_says_so(bed: Bed, problem: SourceError) -> None:
    bed.cluster.have(space({}))
    bed.sources.problem = problem
    assert reconcile_space(bed.context, "team") == 10
    status = bed.space()
    assert (reasons(status)["Built"], status["build"]["state"]) == (problem.reason, "pending")
    assert status["build"]["message"] == str(problem)
    assert bed.cluster.events == ["BuildWaits"]
    bed.sources.problem = None
    assert reasons(bed.space())["Built"] == "Building"


def test_a_repository_that_takes_its_time_is_no_news(bed: Bed) -> None:
    bed.cluster.have(space({}))
    bed.sources.problem = SourceError(SpaceReason.RESOLVING, "It is being asked.")
    assert reconcile_space(bed.context, "team") == 1
    assert reasons(bed.space())["Built"] == "Resolving"
    assert bed.cluster.events == []


def test_a_changed_spec_asks_anew(bed: Bed) -> None:
    bed.cluster.have(space({}))
    bed.space()
    changed(bed, rebuild="please")
    bed.space()
    assert len({question.asker for question in bed.sources.resolved}) == 2


def test_the_registry_is_asked_for_the_very_build(bed: Bed) -> None:
    bed.cluster.have(space({}))
    build = bed.space()["build"]
    (question,) = bed.sources.found
    assert (question.tag, question.build_key) == (build["id"], build["key"])
    job = bed.cluster.objects[Key(JOB, f"build-{build['id']}", INSIDE)]
    annotations = job["spec"]["template"]["metadata"]["annotations"]
    assert json.loads(annotations["raworc.dev/checkout"])["build_key"] == build["key"]


def test_a_registry_that_is_away_while_a_build_runs_does_not_fail_it(bed: Bed) -> None:
    bed.cluster.have(space({}))
    build = bed.space()["build"]["id"]
    job = bed.cluster.objects[Key(JOB, f"build-{build}", INSIDE)]
    job["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    bed.sources.problem = RegistryError("It is away.")
    status = bed.space()
    assert reasons(status)["Built"] == "Building"
    assert "It is away." in status["conditions"][0]["message"]
    bed.sources.problem = None
    bed.sources.images["raworc_space_team", build] = DIGEST
    assert bed.space()["build"]["state"] == "completed"


def test_a_job_that_vanished_is_made_again_for_the_same_commits(bed: Bed) -> None:
    bed.cluster.have(space({}))
    build = bed.space()["build"]["id"]
    del bed.cluster.objects[Key(JOB, f"build-{build}", INSIDE)]
    bed.sources.commits[None] = "e" * 40
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


def session_pod(name: str, digest: str) -> Manifest:
    found = pod(READY)
    image = f"pull.test/raworc_space_team@{digest}"
    labels = {"raworc.dev/component": "session"}
    metadata = {**found["metadata"], "name": name, "labels": labels}
    return {**found, "metadata": metadata, "spec": {"containers": [{"image": image}]}}


def test_what_a_space_needs_of_its_images_is_kept_by_a_sweep(bed: Bed) -> None:
    former, used = "sha256:" + "a" * 64, "sha256:" + "b" * 64
    bed.cluster.have(space(), session_pod("old", used))
    build = built(bed)
    changed(bed, rebuild="now")
    bed.space()
    (question,) = bed.sources.swept
    assert question.repository == "raworc_space_team"
    assert set(question.keep_digests) == {DIGEST, former, used}
    assert question.keep_tags == (build,)
    assert question.keep_newest == 3


def test_a_sweep_that_fails_holds_no_space_back(bed: Bed) -> None:
    bed.cluster.have(space({}))
    build = bed.space()["build"]["id"]
    bed.cluster.have(build_pods(build, exitCode=0, message=DIGEST))
    bed.sources.problem = RegistryError("It is away.")
    assert reasons(bed.space())["Ready"] == "Ready"
    assert len(bed.sources.swept) == 1


def test_the_images_of_a_space_that_is_gone_go_once_no_build_can_push(bed: Bed) -> None:
    running = build_pods("1")
    running["status"] = {"phase": "Running"}
    bed.cluster.have(running)
    removal = Removal(bed.context, space())
    assert removal() == 2
    assert bed.sources.deleted == []
    running["status"] = {"phase": "Failed"}
    assert removal() is None
    assert bed.sources.deleted == ["raworc_space_team"]
    assert bed.cluster.events == []


def test_a_new_space_of_the_same_name_keeps_the_images(bed: Bed) -> None:
    bed.cluster.have(space())
    assert Removal(bed.context, space())() is None
    assert bed.sources.deleted == []


def test_images_that_a_registry_does_not_let_go_are_said_to_be_left(bed: Bed) -> None:
    bed.sources.problem = RegistryError("Deletion is not allowed.")
    removal = Removal(bed.context, space())
    delays = [removal() for _ in range(5)]
    assert delays == [10, 60, 600, 3600, None]
    assert bed.cluster.events == ["ImagesLeft", "ImagesLeft"]


def test_repositories_of_spaces_that_are_gone_are_deleted(bed: Bed) -> None:
    bed.cluster.have(space())
    for name in ("raworc_space_team", "raworc_space_gone", "raworc/agent"):
        bed.sources.images[name, "1"] = DIGEST
    assert remove_gone_spaces(bed.context) == 3600
    assert bed.sources.deleted == ["raworc_space_gone"]


def test_a_resync_wakes_only_what_would_change(bed: Bed) -> None:
    bed.cluster.have(space(), session())
    bed.session()
    look_at_everything(bed.context)
    assert bed.woken() == set()
    del bed.cluster.objects[Key(POD, "talk", INSIDE)]
    look_at_everything(bed.context)
    assert bed.woken() == {"talk"}


def sessions_of_one_space(bed: Bed, count: int) -> None:
    for number in range(count):
        one = session()
        made = f"2026-01-01T00:00:{number:02}Z"
        one["metadata"] |= {"name": f"s{number}", "creationTimestamp": made, "uid": f"s{number}"}
        bed.cluster.have(one)


def run_due(bed: Bed) -> list[str]:
    """Reconcile once every session that is due now, and name them in order."""
    queue, now = bed.context.session_queue, bed.context.session_queue._clock()
    due = [key for key, at in sorted(queue._due.items(), key=lambda one: one[1]) if at <= now]
    for key in due:
        del queue._due[key]
        reconcile_session(bed.context, INSIDE, key.name)  # type: ignore[attr-defined]
    return [key.name for key in due]  # type: ignore[attr-defined]


def test_room_in_a_quota_goes_to_the_oldest_and_costs_one_try_more(bed: Bed) -> None:
    bed.cluster.have(space())
    sessions_of_one_space(bed, 20)
    bed.cluster.refusals["Pod"] = ForbiddenObjectError("exceeded quota: raworc")
    for number in reversed(range(20)):
        reconcile_session(bed.context, INSIDE, f"s{number}")
    bed.context.trigger_waiting(INSIDE)
    assert run_due(bed) == ["s0"]
    assert run_due(bed) == []
    del bed.cluster.refusals["Pod"]
    bed.context.trigger_waiting(INSIDE)
    tried = [run_due(bed)[0] for _ in range(3)]
    bed.cluster.refusals["Pod"] = ForbiddenObjectError("exceeded quota: raworc")
    tried += run_due(bed)
    assert tried == ["s0", "s1", "s2", "s3"]
    assert run_due(bed) == []
    assert [name for name in bed.cluster.made if name.startswith("Pod")] == [
        "Pod 's0'",
        "Pod 's1'",
        "Pod 's2'",
    ]


def test_a_restart_does_not_try_all_whom_a_quota_refused(bed: Bed) -> None:
    bed.cluster.have(space())
    sessions_of_one_space(bed, 20)
    bed.cluster.refusals["Pod"] = ForbiddenObjectError("exceeded quota: raworc")
    for number in range(20):
        reconcile_session(bed.context, INSIDE, f"s{number}")
    queues = (WorkQueue("sessions", 0), WorkQueue("spaces", 0))
    later = NOON + timedelta(minutes=10)
    context = Context(bed.cluster, bed.sources, SETTINGS, *queues, now=lambda: later)
    look_at_everything(context)
    look_at_everything(context)
    soon = context.session_queue._clock() + 1
    assert [key for key, at in context.session_queue._due.items() if at < soon] == [
        Key(SESSION, "s0", INSIDE)
    ]


def test_a_refusal_is_tried_again_after_as_long_as_it_has_lasted(bed: Bed) -> None:
    bed.cluster.have(space(), session())
    bed.cluster.refusals["Pod"] = ClusterError("failed calling webhook: no answer")
    assert bed.session()["conditions"][2]["message"] == "failed calling webhook: no answer"
    delays = []
    for minutes in (0, 1, 3, 60):
        later = NOON + timedelta(minutes=minutes)
        context = replace(bed.context, now=lambda now=later: now)  # type: ignore[misc]
        delays.append(reconcile_session(context, INSIDE, "talk"))
    assert delays == [5, 60, 180, 300]


def test_a_bad_annotation_of_a_pod_stops_nothing(bed: Bed) -> None:
    bad = pod(READY, **RUNNING)
    bad["metadata"]["annotations"][RESTARTS_ANNOTATION] = "x"
    bed.cluster.have(space(), session(), claim(), bad)
    assert (bed.session()["state"], bed.session()["restarts"]) == ("idle", 0)


@pytest.mark.parametrize(("written", "status"), [("999999", 999_999), ("1000000", 2), ("-1", 2)])
def test_restarts_stay_within_what_a_status_may_hold(bed: Bed, written: str, status: int) -> None:
    bad = pod(READY, containerStatuses=[{"name": "agent", "restartCount": 2}])
    bad["metadata"]["annotations"][RESTARTS_ANNOTATION] = written
    bed.cluster.have(space(), session(), claim(), bad)
    assert bed.session()["restarts"] == status


def test_a_pod_whose_image_was_edited_stops_nothing(bed: Bed) -> None:
    bad = pod(READY, **RUNNING)
    bad["spec"]["containers"][1]["image"] = "i" * 600
    bed.cluster.have(space(), session(), claim(), bad)
    assert bed.session()["image"] == "i" * 512


def test_a_session_that_cannot_be_looked_at_fails_alone(bed: Bed) -> None:
    bed.cluster.have(space(), session(), claim(), pod(READY, **RUNNING))
    sessions_of_one_space(bed, 1)
    # As nothing but a fault of the operator's own would have it.
    bed.cluster.objects[TALK]["status"] = "broken"
    look_at_everything(bed.context)
    assert bed.woken() == {"s0", "talk"}


def lost_node() -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "node-1"},
        "spec": {"taints": [{"key": OUT_OF_SERVICE_TAINT, "effect": "NoExecute"}]},
        "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]},
    }


@pytest.mark.parametrize("nodes", [[], [lost_node()]], ids=["gone", "out of service"])
def test_a_pod_on_a_lost_node_is_replaced_by_force(bed: Bed, nodes: list[Manifest]) -> None:
    bed.cluster.have(space(), session(), claim(), pod(READY, **RUNNING), *nodes)
    look_at_everything(bed.context)
    assert bed.woken() == {"talk"}
    assert reasons(bed.session())["PodReady"] == "NodeLost"
    assert (bed.cluster.forced, bed.cluster.events) == (["Pod 'talk'"], ["PodReplaced"])
    bed.session()
    assert bed.cluster.made == ["Pod 'talk'"]


def test_a_pod_on_a_node_that_only_does_not_answer_is_not_forced(bed: Bed) -> None:
    silent = lost_node()
    silent["spec"] = {"taints": [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}]}
    bed.cluster.have(space(), session(), claim(), pod(READY, **RUNNING), silent)
    bed.session()
    look_at_everything(bed.context)
    bed.session()
    assert bed.cluster.deleted == []


def test_a_node_that_is_back_loses_no_pod(bed: Bed) -> None:
    back = lost_node()
    back["status"] = {"conditions": [READY]}
    bed.context.lost_nodes.add("node-1")
    bed.cluster.have(space(), session(), claim(), pod(READY, **RUNNING), back)
    bed.session()
    assert bed.cluster.deleted == []


def test_a_pod_that_cannot_start_is_replaced_once_its_image_is_mended(bed: Bed) -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "not found"}
    stuck = {"containerStatuses": [{"name": "host", "state": {"waiting": waiting}}]}
    bed.cluster.have(space(), session(), claim())
    bed.session()
    made = bed.cluster.objects[Key(POD, "talk", INSIDE)]
    bed.cluster.have({**made, "status": stuck})
    assert reasons(bed.session())["PodReady"] == "ImagePullFailed"
    assert bed.cluster.deleted == []
    bed.cluster.have(space({"image": "registry.test/mended@sha256:1", "observedGeneration": 1}))
    bed.session()
    assert bed.cluster.deleted == ["Pod 'talk'"]
    bed.session()
    image = bed.cluster.objects[Key(POD, "talk", INSIDE)]["spec"]["containers"][-1]["image"]
    assert image == "registry.test/mended@sha256:1"


def test_a_pod_that_runs_is_not_replaced_for_a_new_image(bed: Bed) -> None:
    bed.cluster.have(space(), session(), claim())
    bed.session()
    made = bed.cluster.objects[Key(POD, "talk", INSIDE)]
    bed.cluster.have({**made, "status": {"conditions": [READY], **RUNNING}})
    bed.cluster.have(space({"image": "registry.test/mended@sha256:1", "observedGeneration": 1}))
    bed.session()
    assert bed.cluster.deleted == []


def test_a_look_at_a_thousand_idle_sessions_costs_a_few_lists(bed: Bed) -> None:
    bed.cluster.have(space())
    for number in range(1000):
        one = session()
        one["metadata"] |= {"name": f"s{number}", "uid": f"s{number}"}
        bed.cluster.have(one)
        reconcile_session(bed.context, INSIDE, f"s{number}")
    bed.cluster.requests.clear()
    look_at_everything(bed.context, 60)
    assert sorted(bed.cluster.requests) == [
        "list agentsessions",
        "list nodes",
        "list persistentvolumeclaims",
        "list pods",
        "list spaces",
    ]
    assert bed.woken() == set()


@pytest.mark.parametrize(
    "error",
    [
        ForbiddenObjectError("exceeded quota: raworc"),
        InvalidObjectError("admission webhook 'x' denied the request"),
        ClusterError("failed calling webhook 'x': no answer"),
    ],
)
def test_a_build_whose_job_is_refused_waits_and_says_so(bed: Bed, error: Exception) -> None:
    bed.cluster.have(space({}))
    bed.cluster.refusals["Job"] = error
    status = bed.space()
    assert status["build"]["state"] == "pending"
    assert (
        str(error) in next(one for one in status["conditions"] if one["type"] == "Built")["message"]
    )
    assert reconcile_space(bed.context, "team") == 10
    del bed.cluster.refusals["Job"]
    bed.space()
    assert [name for name in bed.cluster.made if name.startswith("Job")] != []


def completed(bed: Bed) -> Manifest:
    """Have a space whose build completed, with the image in the registry."""
    bed.cluster.have(space({}))
    build = bed.space()["build"]["id"]
    bed.sources.images["raworc_space_team", build] = DIGEST
    bed.cluster.have(build_pods(build, exitCode=0, message=DIGEST))
    job = bed.cluster.objects[Key(JOB, f"build-{build}", INSIDE)]
    job["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    bed.cluster.made.clear()
    return bed.space()


def test_a_completed_build_asks_the_registry_nothing(bed: Bed) -> None:
    completed(bed)
    bed.sources.found.clear()
    bed.space()
    assert bed.sources.found == []


def test_an_image_follows_the_registry_to_another_address(bed: Bed) -> None:
    image = completed(bed)["image"]
    moved = replace(bed.context, settings=replace(SETTINGS, registry_pull="localhost:30501"))
    reconcile_space(moved, "team")
    status = bed.cluster.objects[TEAM]["status"]
    assert status["image"] == image.replace(SETTINGS.registry_pull, "localhost:30501")
    assert bed.cluster.made == []


def test_an_image_that_the_registry_lost_is_built_again_for_the_same_commits(bed: Bed) -> None:
    before = completed(bed)["build"]
    waiting = {"reason": "ErrImagePull", "message": "not found"}
    stuck = {"containerStatuses": [{"name": "agent", "state": {"waiting": waiting}}]}
    bed.cluster.have(session(), claim())
    bed.session()
    bed.cluster.have({**bed.cluster.objects[Key(POD, "talk", INSIDE)], "status": stuck})
    bed.sources.images.clear()
    bed.sources.commits[None] = "d" * 40
    bed.session()
    assert TEAM in bed.context.space_queue._due
    build = bed.space()["build"]
    assert (build["state"], build["agents"]) == ("pending", before["agents"])
    assert f"Job 'build-{build['id']}'" in bed.cluster.made
    assert "ImageMissing" in bed.cluster.events


def test_a_node_that_cannot_pull_what_is_there_changes_nothing(bed: Bed) -> None:
    before = completed(bed)
    bed.context.doubt_image("team")
    assert bed.space() == before
    assert bed.context.doubted_images == set()
