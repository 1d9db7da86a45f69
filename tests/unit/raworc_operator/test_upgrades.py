"""What an operator does with what one of another version left."""

from dataclasses import replace
from typing import Any

import pytest
from tests.support.sources import BASE_IMAGES
from tests.unit.raworc_operator.conftest import DIGEST, INSIDE, Bed, reasons
from tests.unit.raworc_operator.samples import (
    COMMIT,
    IMAGE,
    NOON,
    READY,
    RUNNING,
    SETTINGS,
    build_pods,
    claim,
    owned,
    session,
    source,
    space,
    space_spec,
)

from raworc_crds import __version__
from raworc_crds.space import Build, BuildState, SpaceReason
from raworc_crds.wire import dump
from raworc_kube.objects import POD, Key, Manifest, time_text
from raworc_operator.builds.decision import Step, good_image, new_build, next_step
from raworc_operator.builds.key import PinnedAgent, build_key
from raworc_operator.sessions.pod_status import host_environment
from raworc_operator.sessions.reconcile import reconcile_session
from raworc_operator.spaces.reconcile import reconcile_space
from raworc_sources.problems import RegistryError, SourceError
from raworc_sources.protocol import BaseImages

OTHER = "0.0.1"
AGENT = PinnedAgent(source(), COMMIT)


def left(
    version: str | None, base: BaseImages, state: BuildState = BuildState.COMPLETED
) -> Manifest:
    """A Space as an operator of this version left it; 0.1.0 did not write its version."""
    key = build_key([AGENT], base, "kaniko:1")
    build = new_build([AGENT], key, None, None, time_text(NOON))
    written = build.model_copy(update={"state": state, "operator_version": version})
    return space({"image": IMAGE, "observedGeneration": 1, "build": dump(written)})


def pod_of_one_container(*conditions: dict[str, str], **metadata: Any) -> Manifest:  # noqa: ANN401
    """The pod of a session as version 0.1.0 made it."""
    pod = owned("Pod", {"conditions": list(conditions)}, **metadata)
    return {**pod, "spec": {**pod["spec"], "containers": [{"name": "host", "image": IMAGE}]}}


@pytest.mark.parametrize(
    ("version", "state", "step"),
    [
        (__version__, BuildState.COMPLETED, Step.REST),
        (__version__, BuildState.BUILDING, Step.FOLLOW),
        (OTHER, BuildState.COMPLETED, Step.RENEW),
        (OTHER, BuildState.BUILDING, Step.RENEW),
        (OTHER, BuildState.FAILED, Step.RESOLVE),
        (None, BuildState.COMPLETED, Step.RENEW),
    ],
)
def test_a_build_of_another_version_is_looked_at_anew(
    version: str | None, state: BuildState, step: Step
) -> None:
    assert next_step(left(version, BASE_IMAGES, state), space_spec(), NOON) is step


def test_only_an_image_of_before_there_was_a_runner_is_of_no_use() -> None:
    assert good_image(left(None, BASE_IMAGES)) is None
    assert good_image(left(OTHER, BASE_IMAGES)) == IMAGE


def test_another_version_with_the_same_base_builds_nothing(bed: Bed) -> None:
    former = left(OTHER, bed.sources.base_images)
    bed.cluster.have(former)
    bed.sources.images["raworc_space_team", former["status"]["build"]["id"]] = DIGEST
    build = bed.space()["build"]
    assert build == {**former["status"]["build"], "operatorVersion": __version__} | {
        "completionTime": time_text(NOON)
    }
    assert not [made for made in bed.cluster.made if made.startswith("Job")]
    bed.space()
    assert len(bed.sources.resolved) == 1


def test_another_version_with_another_base_builds_the_same_commits(bed: Bed) -> None:
    bed.cluster.have(
        left(OTHER, BASE_IMAGES.model_copy(update={"python": "base@sha256:of-before"}))
    )
    bed.sources.commits[None] = "e" * 40
    status = bed.space()
    assert [agent["commit"] for agent in status["build"]["agents"]] == [COMMIT]
    assert (reasons(status)["Built"], reasons(status)["Ready"]) == ("Building", "Ready")
    assert status["image"] == IMAGE


@pytest.mark.parametrize(
    ("problem", "seconds"),
    [(RegistryError("It is away."), 10), (SourceError(SpaceReason.RESOLVING, "Asked."), 1)],
)
def test_a_registry_that_is_away_at_an_upgrade_is_waited_for(
    bed: Bed, problem: SourceError, seconds: int
) -> None:
    bed.cluster.have(left(None, BASE_IMAGES))
    bed.sources.problem = problem
    assert reconcile_space(bed.context, "team") == seconds
    status = bed.space()
    assert (reasons(status)["Ready"], reasons(status)["Built"]) == ("Building", "Building")
    assert str(problem) in status["conditions"][0]["message"]
    bed.sources.problem = None
    assert Build.model_validate(bed.space()["build"]).operator_version == __version__


def test_a_registry_that_is_away_at_an_upgrade_holds_no_good_image_back(bed: Bed) -> None:
    bed.cluster.have(left(OTHER, BASE_IMAGES))
    bed.sources.problem = RegistryError("It is away.")
    status = bed.space()
    assert (status["image"], reasons(status)["Built"]) == (IMAGE, "Built")


def test_a_pod_of_one_container_is_replaced_once_its_space_is_built_anew(bed: Bed) -> None:
    bed.cluster.have(left(None, BASE_IMAGES), session(), claim(), pod_of_one_container(READY))
    status = bed.session()
    assert (status["state"], reasons(status)["Ready"]) == ("init", "PodOutdated")
    build = bed.space()["build"]["id"]
    bed.session()
    assert bed.cluster.deleted == []
    bed.cluster.have(build_pods(build, exitCode=0, message=DIGEST))
    bed.space()
    assert bed.woken() == {"talk"}
    bed.session()
    assert (bed.cluster.deleted, bed.cluster.events[-1]) == (["Pod 'talk'"], "PodReplaced")
    bed.session()
    made = bed.cluster.objects[Key(POD, "talk", INSIDE)]
    assert [one["name"] for one in made["spec"]["containers"]] == ["host", "agent"]
    assert made["spec"]["containers"][-1]["image"].endswith(DIGEST)


def test_an_image_that_is_of_use_after_all_wakes_those_who_waited_for_it(bed: Bed) -> None:
    former = left(None, bed.sources.base_images)
    image = {"image": f"pull.test/raworc_space_team@{DIGEST}"}
    bed.cluster.have({**former, "status": {**former["status"], **image}}, session(), claim())
    bed.session()
    bed.sources.images["raworc_space_team", former["status"]["build"]["id"]] = DIGEST
    assert bed.space()["image"] == image["image"]
    assert bed.woken() == {"talk"}


def test_what_a_later_version_wrote_into_a_status_stays(bed: Bed) -> None:
    former = left(OTHER, bed.sources.base_images)
    former["status"]["mood"] = "calm"
    bed.cluster.have(former, session({"mood": "calm", "podName": "of-before"}))
    assert bed.space()["mood"] == "calm"
    status = bed.session()
    assert (status["mood"], status["podName"]) == ("calm", "talk")


def test_a_session_without_a_pod_waits_until_its_space_is_built_anew(bed: Bed) -> None:
    bed.cluster.have(left(None, BASE_IMAGES), session(), claim())
    assert reasons(bed.session())["Ready"] == "SpaceNotBuilt"
    bed.space()
    status = bed.session()
    assert (status["state"], reasons(status)["Ready"]) == ("init", "SpaceNotBuilt")
    assert not [made for made in bed.cluster.made if made.startswith("Pod")]


def test_a_pod_of_one_container_that_stops_is_only_waited_for(bed: Bed) -> None:
    stopping = pod_of_one_container(READY, deletionTimestamp=time_text(NOON))
    bed.cluster.have(left(None, BASE_IMAGES), session(), claim(), stopping)
    assert reasons(bed.session())["Ready"] == "PodPending"


def test_a_pod_whose_host_asks_another_address_is_replaced(bed: Bed) -> None:
    bed.cluster.have(space(), session(), claim())
    bed.session()
    key = Key(POD, "talk", INSIDE)
    bed.cluster.have({**bed.cluster.objects[key], "status": {"conditions": [READY], **RUNNING}})
    secure = replace(SETTINGS, api_url="https://raworc-api-hosts.raworc-system.svc")
    moved = replace(bed.context, settings=secure)
    reconcile_session(moved, INSIDE, "talk")
    assert bed.cluster.deleted == ["Pod 'talk'"]
    reconcile_session(moved, INSIDE, "talk")
    assert host_environment(bed.cluster.objects[key])["RAWORC_API_URL"] == secure.api_url
