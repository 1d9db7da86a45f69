"""The name of a build, when it is begun, and what came of it."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.support.sources import BASE_IMAGES
from tests.unit.raworc_operator.samples import COMMIT, NOON, NOON_TEXT, source, space, space_spec

from raworc_crds.space import Build, BuildState, SpaceReason, SpaceSpec
from raworc_crds.wire import dump
from raworc_kube.objects import Manifest, time_text
from raworc_operator.builds.decision import (
    Step,
    new_build,
    next_step,
    pinned_agents,
    seconds_to_wait,
    unresolved_build,
)
from raworc_operator.builds.key import PinnedAgent, build_key
from raworc_operator.builds.outcome import Outcome, build_outcome
from raworc_sources.problems import PASSING, SourceError

AGENT = PinnedAgent(source(), COMMIT)
DIGEST = "sha256:" + "d" * 64


def key(*agents: PinnedAgent, builder: str = "kaniko:1", **bases: str) -> str:
    return build_key(agents or (AGENT,), BASE_IMAGES.model_copy(update=bases), builder)


def test_a_key_does_not_depend_on_the_order_of_the_agents() -> None:
    other = PinnedAgent(source("other"), COMMIT)
    assert key(AGENT, other) == key(other, AGENT)


def test_a_key_does_not_depend_on_the_name_of_the_branch() -> None:
    assert key(PinnedAgent(source(ref="main"), COMMIT)) == key(AGENT)


@pytest.mark.parametrize(
    "other",
    [
        key(PinnedAgent(source(), "e" * 40)),
        key(PinnedAgent(source(path="sub"), COMMIT)),
        key(PinnedAgent(source(purpose="cooks"), COMMIT)),
        key(PinnedAgent(source(repo="other/agents"), COMMIT)),
        key(python="base@sha256:2"),
        key(node="base@sha256:2"),
        key(rust="base@sha256:2"),
        key(builder="kaniko:2"),
    ],
)
def test_a_key_changes_with_all_that_goes_into_the_image(other: str) -> None:
    assert other != key()


def build(state: BuildState = BuildState.COMPLETED, **more: Any) -> Build:  # noqa: ANN401
    begun = new_build([AGENT], key(), None, None, NOON_TEXT)
    return begun.model_copy(update={"state": state, **more})


def built(of: Build) -> Manifest:
    return space({"observedGeneration": 1, "build": dump(of)})


def decided(seen: Manifest, now: datetime = NOON) -> Step:
    return next_step(seen, SpaceSpec.model_validate(seen["spec"]), now)


@pytest.mark.parametrize(
    ("seen", "step"),
    [
        (space({}), Step.RESOLVE),
        (built(build()), Step.REST),
        (built(build(BuildState.PENDING)), Step.FOLLOW),
        (built(build(BuildState.BUILDING)), Step.FOLLOW),
        (built(build(BuildState.FAILED)), Step.REST),
        (space({"observedGeneration": 1, "build": {"id": 5}}), Step.RESOLVE),
    ],
)
def test_the_next_step_is_read_from_the_status(seen: Manifest, step: Step) -> None:
    assert decided(seen) is step


def test_refs_that_a_person_must_mend_are_looked_at_again_each_minute() -> None:
    error = SourceError(SpaceReason.REF_NOT_FOUND, "why")
    failed = built(unresolved_build(space_spec(), error, None, NOON))
    assert decided(failed, NOON + timedelta(seconds=59)) is Step.REST
    assert decided(failed, NOON + timedelta(seconds=60)) is Step.RESOLVE


@pytest.mark.parametrize("reason", sorted(PASSING))
def test_a_build_waits_for_what_passes_and_has_not_failed(reason: SpaceReason) -> None:
    waiting = unresolved_build(space_spec(), SourceError(reason, "why"), None, NOON)
    assert (waiting.state, waiting.reason) == (BuildState.PENDING, reason)
    assert decided(built(waiting), NOON) is Step.RESOLVE


@pytest.mark.parametrize(("waited", "seconds"), [(0, 10), (20, 20), (100, 100), (10_000, 600)])
def test_a_build_that_waits_looks_again_after_ever_longer_times(waited: int, seconds: int) -> None:
    away = SourceError(SpaceReason.REGISTRY_UNREACHABLE, "It is away.")
    later = NOON + timedelta(seconds=waited)
    first = unresolved_build(space_spec(), away, None, NOON)
    again = unresolved_build(space_spec(), away, first, later)
    assert seconds_to_wait(again, later) == seconds


def test_an_answer_that_is_looked_for_is_asked_for_each_second() -> None:
    asking = unresolved_build(space_spec(), SourceError(SpaceReason.RESOLVING, ""), None, NOON)
    assert seconds_to_wait(asking, NOON + timedelta(seconds=100)) == 1


def asked(of: Build, generation: int = 1, **spec: Any) -> Manifest:  # noqa: ANN401
    """A space with a build, of which the spec may have changed since."""
    status = {"observedGeneration": 1, "build": dump(of)}
    return {**space(status, **spec), "metadata": {"name": "team", "generation": generation}}


def test_a_build_that_failed_is_tried_again_only_when_somebody_asks() -> None:
    failed = build(BuildState.FAILED)
    assert decided(asked(failed)) is Step.REST
    assert decided(asked(failed, rebuild="again")) is Step.RESOLVE


@pytest.mark.parametrize("state", [BuildState.BUILDING, BuildState.FAILED, BuildState.COMPLETED])
def test_only_other_agents_or_a_new_rebuild_ask_for_a_build(state: BuildState) -> None:
    others = {"description": "new", "quota": {"cpu": "4"}}
    assert decided(asked(build(state), generation=2, **others)) is decided(asked(build(state)))
    for agents in ([], [{"name": "echo", "repo": "owner/agents", "ref": "v1"}]):
        assert decided(asked(build(state), generation=2, agents=agents)) is Step.RESOLVE


def test_a_build_of_a_version_before_is_judged_by_the_generation() -> None:
    older = build().model_copy(update={"agents_hash": None})
    assert decided(asked(older)) is Step.REST
    assert decided(asked(older, generation=2)) is Step.RESOLVE


def test_a_build_remembers_its_commits() -> None:
    assert pinned_agents([AGENT.source], build()) == [AGENT]


def pod(name: str, **containers: dict[str, Any]) -> Manifest:
    statuses = [
        {"name": container, "state": {"terminated": ended}}
        for container, ended in containers.items()
    ]
    return {
        "metadata": {"name": name, "creationTimestamp": name},
        "status": {"containerStatuses": statuses},
    }


def job(**conditions: str) -> Manifest:
    found = [
        {"type": kind, "status": "True", "message": message} for kind, message in conditions.items()
    ]
    return {"metadata": {"name": "build-1"}, "status": {"conditions": found}}


def word(reason: str, message: str) -> str:
    return json.dumps({"reason": reason, "message": message})


def test_a_pushed_image_is_known_before_the_job_is_complete() -> None:
    outcome = build_outcome(job(), [pod("1", push={"exitCode": 0, "message": DIGEST})])
    assert outcome == Outcome(BuildState.COMPLETED, DIGEST)


def test_a_complete_job_without_pods_is_a_success_whose_digest_is_to_be_asked_for() -> None:
    assert build_outcome(job(Complete=""), []) == Outcome(BuildState.COMPLETED)


def test_what_the_checkout_says_is_the_reason() -> None:
    ended = {"exitCode": 42, "message": word("HandlerNotFound", "no 'main.py'")}
    outcome = build_outcome(job(), [pod("1", checkout=ended)])
    assert outcome.state is BuildState.FAILED
    assert (outcome.reason, outcome.message) == (SpaceReason.HANDLER_NOT_FOUND, "no 'main.py'")


def test_a_failed_build_shows_what_failed_and_not_how_far_kaniko_was() -> None:
    log = 'time="1" level=info msg="RUN pip"\nERROR: no such package\nerror building image: exit 1'
    ended = {"exitCode": 1, "message": log}
    outcome = build_outcome(job(Failed="backoff"), [pod("1", kaniko=ended)])
    assert outcome.reason is SpaceReason.BUILD_FAILED
    assert outcome.message == "ERROR: no such package\nerror building image: exit 1"


@pytest.mark.parametrize("container", ["base", "push"])
@pytest.mark.parametrize("reason", ["RegistryRefused", "RegistryUnreachable"])
def test_what_the_registrys_containers_say_is_the_reason(container: str, reason: str) -> None:
    ended = {"exitCode": 1, "message": word(reason, "Registry 'r.test' is busy.")}
    outcome = build_outcome(job(Failed="backoff"), [pod("1", **{container: ended})])
    assert (outcome.reason, outcome.message) == (reason, "Registry 'r.test' is busy.")


def test_what_agents_code_may_have_written_gives_neither_a_reason_nor_an_image() -> None:
    said = word("RegistryRefused", "said by a build_command")
    forged = pod("1", kaniko={"exitCode": 1, "message": said})
    outcome = build_outcome(job(Failed="backoff"), [forged])
    assert outcome.reason is SpaceReason.BUILD_FAILED
    done = pod("1", kaniko={"exitCode": 0, "message": DIGEST})
    assert build_outcome(job(), [done]).state is BuildState.BUILDING


def test_a_push_that_failed_is_no_image() -> None:
    ended = {"exitCode": 1, "message": DIGEST}
    outcome = build_outcome(job(Failed="backoff"), [pod("1", push=ended)])
    assert (outcome.state, outcome.digest) == (BuildState.FAILED, None)


def test_a_build_that_wrote_too_much_says_so() -> None:
    evicted = pod("1", kaniko={"exitCode": 137})
    words = 'Usage of EmptyDir volume "workspace" exceeds the limit "10Gi".'
    evicted["status"] |= {"reason": "Evicted", "message": words}
    outcome = build_outcome(job(Failed="backoff"), [evicted])
    assert (outcome.state, outcome.message) == (BuildState.FAILED, words)


def test_a_log_that_was_cut_is_shown_from_its_first_whole_line() -> None:
    ended = {"exitCode": 1, "message": "x" * 2040 + "\nERROR: no such package"}
    outcome = build_outcome(job(Failed="backoff"), [pod("1", kaniko=ended)])
    assert outcome.message == "ERROR: no such package"


def test_the_agent_and_its_step_come_before_what_a_program_said() -> None:
    log = "npm error notarget\nAgent 'a-b' failed in step 'npm ci'.\nerror building image"
    ended = {"exitCode": 1, "message": log}
    outcome = build_outcome(job(Failed="backoff"), [pod("1", kaniko=ended)])
    assert outcome.message == (
        "Agent 'a-b' failed in step 'npm ci'.\nnpm error notarget\n\nerror building image"
    )


def test_the_agent_and_its_step_are_not_cut_off_by_a_long_log() -> None:
    log = f"{'x' * 1900}\nAgent 'a' failed in step 'npm ci'.\nerror"
    ended = {"exitCode": 1, "message": log}
    message = build_outcome(job(Failed="backoff"), [pod("1", kaniko=ended)]).message
    assert message.startswith("Agent 'a' failed in step 'npm ci'.\nxxx")
    assert message.endswith("\nerror")
    assert len(message) < 1700


def test_the_newest_pod_speaks_for_a_build() -> None:
    pods = [
        pod("1", kaniko={"exitCode": 1, "message": "first"}),
        pod("2", kaniko={"exitCode": 1, "message": "second"}),
    ]
    assert build_outcome(job(Failed="backoff"), pods).message == "second"


def test_a_build_that_is_tried_again_has_not_failed_yet() -> None:
    pods = [pod("1", kaniko={"exitCode": 1, "message": "first"})]
    assert build_outcome(job(), pods).state is BuildState.BUILDING


def test_a_build_without_a_pod_is_pending() -> None:
    assert build_outcome(job(), []).state is BuildState.PENDING


def test_a_build_that_ran_out_of_memory_says_so() -> None:
    ended = {"exitCode": 137, "reason": "OOMKilled"}
    assert "memory" in build_outcome(job(Failed="x"), [pod("1", kaniko=ended)]).message


def test_a_job_that_failed_without_pods_says_what_it_knows() -> None:
    assert build_outcome(job(Failed="It was too much"), []).message == "It was too much"


def late(state: dict[str, Any]) -> Manifest:
    """A pod that was ended as its time was over."""
    statuses = [{"name": "checkout", "state": state}]
    status = {"phase": "Failed", "reason": "DeadlineExceeded", "initContainerStatuses": statuses}
    return {"metadata": {"name": "1", "creationTimestamp": "1"}, "status": status}


def test_a_build_that_took_too_long_is_for_its_author() -> None:
    killed = late({"terminated": {"exitCode": 137, "reason": "Error"}})
    outcome = build_outcome(job(Failed="backoff"), [killed])
    assert outcome.reason is SpaceReason.BUILD_FAILED
    assert outcome.message == "The build did not end within 30 minutes."


@pytest.mark.parametrize(
    "state",
    [
        {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}},
        {"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown"}},
        {},
    ],
)
def test_a_build_whose_containers_never_started_is_tried_again(state: dict[str, Any]) -> None:
    outcome = build_outcome(job(Failed="backoff"), [late(state)])
    assert outcome.reason is SpaceReason.BUILD_NOT_STARTED
    assert outcome.reason in PASSING
    assert "did not start within 30 minutes" in outcome.message


def test_a_build_whose_image_is_not_there_says_what_it_waits_for() -> None:
    waiting = {"name": "checkout", "state": {"waiting": {"reason": "ErrImagePull", "message": "x"}}}
    seen = {
        "metadata": {"name": "1", "creationTimestamp": "1"},
        "status": {"initContainerStatuses": [waiting]},
    }
    assert "ErrImagePull" in build_outcome(job(), [seen]).message


@pytest.mark.parametrize("reason", [SpaceReason.REGISTRY_REFUSED, SpaceReason.REGISTRY_UNREACHABLE])
def test_a_build_that_a_registry_held_back_is_tried_again_ever_later(reason: SpaceReason) -> None:
    for seconds, delay in ((0, 10), (90, 90), (7200, 600)):
        ended = NOON + timedelta(seconds=seconds)
        failed = build(BuildState.FAILED, reason=reason, completion_time=time_text(ended))
        status = {"build": dump(failed), "observedGeneration": 1}
        assert decided(space(status), ended + timedelta(seconds=delay - 1)) is Step.REST
        assert decided(space(status), ended + timedelta(seconds=delay)) is Step.RESOLVE


def test_what_its_author_has_to_mend_is_tried_again_by_another_operator_only() -> None:
    failed = build(BuildState.FAILED, reason=SpaceReason.BUILD_FAILED, completion_time=NOON_TEXT)
    later = NOON + timedelta(days=1)
    status = {"build": dump(failed), "observedGeneration": 1}
    assert decided(space(status), later) is Step.REST
    older = failed.model_copy(update={"operator_version": "0.0.1"})
    status = {"build": dump(older), "observedGeneration": 1}
    assert decided(space(status), later) is Step.RESOLVE
