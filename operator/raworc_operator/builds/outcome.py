"""How far a build got, read from its Job and its pods; pure."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from raworc_crds.space import BuildState, SpaceReason
from raworc_kube.objects import Manifest, condition
from raworc_operator.builds.job import (
    BASE_CONTAINER,
    BUILD_LIMITS,
    BUILD_SECONDS,
    CHECKOUT_CONTAINER,
    KANIKO_CONTAINER,
    PUSH_CONTAINER,
)
from raworc_sources.checkout.layout import FAILED_STEP, USER_ERROR_EXIT

# Of a longer log the kubelet keeps the end, which begins somewhere in a line.
_MAX_LOG_BYTES = 2048
# With the agent and its step before it, it fits into a condition.
_MAX_REST = 1536
_NEVER_MADE = "ContainerStatusUnknown"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# How a script of the Dockerfile says where it failed.
_STEP = re.compile(FAILED_STEP.format(agent="[a-z0-9-]+", step=".*"), re.MULTILINE)
# In the order in which they run.
_CONTAINERS = (CHECKOUT_CONTAINER, BASE_CONTAINER, KANIKO_CONTAINER, PUSH_CONTAINER)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a build got."""

    state: BuildState
    digest: str | None = None
    reason: SpaceReason | None = None
    message: str = ""


def build_outcome(job: Manifest, pods: Sequence[Manifest]) -> Outcome:
    """Say how far a build got; the pods know it earlier than the Job, and know why."""
    newest_first = sorted(
        pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp")), reverse=True
    )
    for pod in newest_first:
        digest = _pushed(pod)
        if digest:
            return Outcome(BuildState.COMPLETED, digest)
        if _ended(pod, CHECKOUT_CONTAINER).get("exitCode") == USER_ERROR_EXIT:
            return _failure(newest_first, job)
    if condition(job, "Complete").get("status") == "True":
        return Outcome(BuildState.COMPLETED)
    if condition(job, "Failed").get("status") == "True":
        return _failure(newest_first, job)
    return _progress(newest_first)


def _pushed(pod: Manifest) -> str | None:
    ended = _ended(pod, PUSH_CONTAINER)
    digest = _DIGEST.search(ended.get("message") or "")
    return digest[0] if digest and ended.get("exitCode") == 0 else None


def _failure(pods: Sequence[Manifest], job: Manifest) -> Outcome:
    if pods and (pods[0].get("status") or {}).get("reason") == "DeadlineExceeded":
        return _too_late(pods[0])
    for pod in pods:
        status = pod.get("status") or {}
        if status.get("reason") == "Evicted":
            # Its containers say nothing, or only that they were killed.
            return _failed(SpaceReason.BUILD_FAILED, status.get("message"))
        for container in _CONTAINERS:
            ended = _ended(pod, container)
            if ended and ended.get("exitCode") != 0:
                return _container_failure(container, ended)
    return _failed(SpaceReason.BUILD_FAILED, condition(job, "Failed").get("message"))


def _too_late(pod: Manifest) -> Outcome:
    minutes = f"within {BUILD_SECONDS // 60} minutes"
    if any(map(_has_run, _statuses(pod))):
        return _failed(SpaceReason.BUILD_FAILED, f"The build did not end {minutes}.")
    why = next(filter(None, map(_waiting_reason, _statuses(pod))), "see the events of its pod")
    words = f"The containers of the build did not start {minutes}: {why}"
    return _failed(SpaceReason.BUILD_NOT_STARTED, words)


def _has_run(status: Mapping[str, Any]) -> bool:
    # Once the pod has ended, the kubelet says of containers that it never made that they are lost.
    state = status.get("state") or {}
    ended = state.get("terminated")
    return "running" in state or (ended or {}).get("reason", "") not in {"", _NEVER_MADE}


def _failed(reason: SpaceReason, words: str | None) -> Outcome:
    return Outcome(
        BuildState.FAILED, None, reason, words or "The build's pod ended without a message."
    )


def _container_failure(container: str, ended: Mapping[str, Any]) -> Outcome:
    message = _without_progress(ended.get("message") or "")
    if ended.get("reason") == "OOMKilled":
        message = f"The build used more memory than {BUILD_LIMITS['memory']} and was killed."
    # Agents' code can write what Kaniko seems to say: it gives no reason but its own.
    is_ours = container != KANIKO_CONTAINER
    reason, words = (
        _word(message) if is_ours else (SpaceReason.BUILD_FAILED, _with_step_first(message))
    )
    return _failed(reason, words or f"The build ended with exit code {ended.get('exitCode')}.")


def _with_step_first(message: str) -> str:
    """Put which agent failed, and in which step, before the end of what its program said."""
    step = _STEP.search(message)
    if step is None:
        return message
    rest = message.replace(step[0], "", 1).strip()
    return f"{step[0]}\n{rest[-_MAX_REST:]}"


def _without_progress(log: str) -> str:
    # Kaniko tells of each of its steps; what failed stands between and after them.
    whole = log if len(log.encode()) < _MAX_LOG_BYTES else log.partition("\n")[2]
    lines = [line.rstrip() for line in whole.splitlines() if "level=info" not in line]
    return "\n".join(lines).strip()


def _word(message: str) -> tuple[SpaceReason, str]:
    # Our containers leave a reason, or where they broke the end of their log.
    try:
        word = json.loads(message)
        return SpaceReason(word["reason"]), str(word["message"])
    except (ValueError, TypeError, KeyError):
        return SpaceReason.BUILD_FAILED, message


def _progress(pods: Sequence[Manifest]) -> Outcome:
    if not pods:
        return Outcome(BuildState.PENDING, message="The build is waiting for its pod.")
    statuses = _statuses(pods[0])
    waiting = next((words for status in statuses if (words := _waiting_reason(status))), "")
    scheduled = condition(pods[0], "PodScheduled")
    if scheduled.get("status") == "False":
        waiting = scheduled.get("message") or "No node can run the pod of the build."
    return Outcome(BuildState.BUILDING, message=waiting or "The build is running.")


def _waiting_reason(status: Mapping[str, Any]) -> str:
    waiting = (status.get("state") or {}).get("waiting") or {}
    reason = waiting.get("reason", "")
    if reason in {"", "PodInitializing", "ContainerCreating"}:
        return ""
    return f"{status['name']}: {reason}: {waiting.get('message', '')}"


def _ended(pod: Manifest, container: str) -> Mapping[str, Any]:
    found = next((status for status in _statuses(pod) if status["name"] == container), {})
    return (found.get("state") or {}).get("terminated") or {}


def _statuses(pod: Manifest) -> list[Mapping[str, Any]]:
    status = pod.get("status") or {}
    return [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]
