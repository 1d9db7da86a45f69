"""How far a build got, read from its Job and its pods; pure."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from raworc_crds.space import BuildState, SpaceReason
from raworc_kube.objects import Manifest, condition
from raworc_operator.builds.job import (
    BUILD_LIMITS,
    BUILD_SECONDS,
    CHECKOUT_CONTAINER,
    KANIKO_CONTAINER,
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
# How Kaniko ends when a registry wants another account: its own word first, then what it asked for.
_REFUSED = re.compile(
    r"^error .* (?:GET|HEAD|POST|PUT|PATCH) https?://\S+: "
    r"(?:UNAUTHORIZED|DENIED|unexpected status code 40[13])",
    re.MULTILINE,
)
# How it ends when a registry cannot be reached, or cannot do its work.
_UNREACHABLE = re.compile(
    r"^error .*(?:GET|HEAD|POST|PUT|PATCH|Get|Head|Post|Put|Patch) \"?https?://\S+: "
    r"(?:dial tcp|EOF|unexpected status code 5|.*(?:timeout|connection re|no such host))",
    re.MULTILINE,
)


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
    ended = _ended(pod, KANIKO_CONTAINER)
    digest = _DIGEST.search(ended.get("message") or "")
    return digest[0] if digest and ended.get("exitCode") == 0 else None


def _failure(pods: Sequence[Manifest], job: Manifest) -> Outcome:
    if pods and (pods[0].get("status") or {}).get("reason") == "DeadlineExceeded":
        return _too_late(pods[0])
    for pod in pods:
        for container in (CHECKOUT_CONTAINER, KANIKO_CONTAINER):
            ended = _ended(pod, container)
            if ended and ended.get("exitCode") != 0:
                return _container_failure(ended)
    words = condition(job, "Failed").get("message") or "The build's pod ended without a message."
    return Outcome(BuildState.FAILED, None, SpaceReason.BUILD_FAILED, words)


def _too_late(pod: Manifest) -> Outcome:
    minutes = f"within {BUILD_SECONDS // 60} minutes"
    if any(map(_has_run, _statuses(pod))):
        words = f"The build did not end {minutes}."
        return Outcome(BuildState.FAILED, None, SpaceReason.BUILD_FAILED, words)
    why = next(filter(None, map(_waiting_reason, _statuses(pod))), "see the events of its pod")
    words = f"The containers of the build did not start {minutes}: {why}"
    return Outcome(BuildState.FAILED, None, SpaceReason.BUILD_NOT_STARTED, words)


def _has_run(status: Mapping[str, Any]) -> bool:
    # Once the pod has ended, the kubelet says of containers that it never made that they are lost.
    state = status.get("state") or {}
    ended = state.get("terminated")
    return "running" in state or (ended or {}).get("reason", "") not in {"", _NEVER_MADE}


def _container_failure(ended: Mapping[str, Any]) -> Outcome:
    message = _without_progress(ended.get("message") or "")
    if ended.get("reason") == "OOMKilled":
        message = f"The build used more memory than {BUILD_LIMITS['memory']} and was killed."
    if _DIGEST.fullmatch(message):
        # Kaniko writes the digest before it pushes, which leaves no room for its log.
        message = "The image was built, but not pushed; the log of the build says why."
    reason, words = _word(_with_step_first(message))
    words = words or f"The build ended with exit code {ended.get('exitCode')}."
    return Outcome(BuildState.FAILED, None, reason, words)


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
    # The checkout leaves a reason; anything else leaves the end of its log.
    try:
        word = json.loads(message)
        return SpaceReason(word["reason"]), str(word["message"])
    except (ValueError, TypeError, KeyError):
        return _registry_reason(message) or SpaceReason.BUILD_FAILED, message


def _registry_reason(log: str) -> SpaceReason | None:
    if _REFUSED.search(log):
        return SpaceReason.REGISTRY_REFUSED
    return SpaceReason.REGISTRY_UNREACHABLE if _UNREACHABLE.search(log) else None


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
