"""What is wrong with a pod, read from its status; pure."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from raworc_crds.agent_session import MAX_IMAGE, SessionReason
from raworc_kube.objects import Manifest, condition, is_going, parse_time

HOST_CONTAINER, AGENT_CONTAINER = "host", "agent"
# A container that ends again and again is shown as waiting only some of the time.
_FEW_RESTARTS = 2
_PULL_FAILURES = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
_LOST_REASONS = {"NodeLost", "DeletionByTaintManager", "DeletionByPodGC"}


class Blocker(NamedTuple):
    """Why something is not as wished: a word for programs and a sentence for people."""

    reason: SessionReason
    message: str


def pod_blocker(pod: Manifest) -> Blocker | None:
    """Say what is wrong with a pod; None while it starts or runs well."""
    return (
        _ended(pod)
        or _unschedulable(pod)
        or (None if is_going(pod) else _first(pod, _waiting) or _first(pod, _container_ended))
        or _unreachable(pod)
        or _outdated(pod)
    )


def is_ready(pod: Manifest) -> bool:
    """Say whether the pod is ready."""
    return condition(pod, "Ready").get("status") == "True" and not is_going(pod)


def _ended(pod: Manifest) -> Blocker | None:
    status = pod.get("status") or {}
    disrupted = condition(pod, "DisruptionTarget")
    reason = status.get("reason") or disrupted.get("reason") or ""
    message = status.get("message") or disrupted.get("message") or ""
    if {status.get("reason"), disrupted.get("reason")} & _LOST_REASONS:
        return Blocker(SessionReason.NODE_LOST, message or "The pod's node does not answer.")
    if status.get("reason") == "Evicted":
        return Blocker(SessionReason.EVICTED, message or "The node evicted the pod.")
    if status.get("phase") not in {"Failed", "Succeeded"} or _was_stopped(pod):
        return None
    words = message or next(filter(None, map(_exit, containers_of(pod))), "the pod ended")
    return Blocker(SessionReason.POD_FAILED, f"{reason}: {words}" if reason else words)


def _was_stopped(pod: Manifest) -> bool:
    # A pod that ends after somebody deleted it did not fail.
    going, grace = (
        pod["metadata"].get(f"deletion{part}") for part in ("Timestamp", "GracePeriodSeconds")
    )
    states = [container.get("state") or {} for container in containers_of(pod)]
    ended = [end for state in states if (end := (state.get("terminated") or {}).get("finishedAt"))]
    if going is None or not ended:
        return going is not None
    first = min(map(parse_time, ended))
    return first >= parse_time(going) - timedelta(seconds=int(grace or 0))


def _unschedulable(pod: Manifest) -> Blocker | None:
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") != "False":
        return None
    message = scheduled.get("message") or "No node can run the pod."
    return Blocker(SessionReason.UNSCHEDULABLE, message)


def _waiting(container: Mapping[str, Any]) -> Blocker | None:
    waiting = (container.get("state") or {}).get("waiting") or {}
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    if reason in _PULL_FAILURES:
        return Blocker(SessionReason.IMAGE_PULL_FAILED, f"{reason}: {message}")
    if reason == "CrashLoopBackOff":
        last = _exit({"state": container.get("lastState") or {}})
        words = _crash_loop(last or "ended", int(container.get("restartCount", 0)))
        return Blocker(SessionReason.CRASH_LOOP, words)
    if reason.endswith("Error"):
        return Blocker(SessionReason.POD_FAILED, f"{reason}: {message}")
    return None


def _container_ended(container: Mapping[str, Any]) -> Blocker | None:
    words, times = _exit(container), int(container.get("restartCount", 0))
    if not words:
        return None
    if times >= _FEW_RESTARTS:
        return Blocker(SessionReason.CRASH_LOOP, _crash_loop(words, times))
    return Blocker(SessionReason.POD_FAILED, f"The container {words}; it is being restarted.")


def _crash_loop(words: str, times: int) -> str:
    return f"The container {words}; it has been restarted {times} times."


def _unreachable(pod: Manifest) -> Blocker | None:
    # A kubelet sets both conditions together; the node controller, once a kubelet is silent, only
    # `Ready`.
    if condition(pod, "Ready").get("status") != "False":
        return None
    if condition(pod, "ContainersReady").get("status") != "True":
        return None
    node = (pod.get("spec") or {}).get("nodeName", "")
    return Blocker(SessionReason.NODE_LOST, f"Node '{node}' does not answer.")


def _outdated(pod: Manifest) -> Blocker | None:
    # Version 0.1.0 ran host and agents in one container, and hosts asked another port of the API.
    names = {one["name"] for one in pod["spec"]["containers"]}
    if is_going(pod) or {HOST_CONTAINER, AGENT_CONTAINER} <= names:
        return None
    words = (
        "An earlier version of Raworc made this pod; its host does not reach the API any more. The"
        " pod is replaced once the Space is built for this version."
    )
    return Blocker(SessionReason.POD_OUTDATED, words)


def containers_of(pod: Manifest) -> list[Mapping[str, Any]]:
    """Return the status of each container of a pod, that of the agents first."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return sorted(statuses, key=lambda status: status.get("name") != AGENT_CONTAINER)


def host_environment(pod: Manifest) -> dict[str, str]:
    """Return the plain values in the environment of a pod's host."""
    containers = (pod.get("spec") or {}).get("containers") or []
    listed = [one.get("env") or [] for one in containers if one["name"] == HOST_CONTAINER]
    return {one["name"]: one["value"] for env in listed for one in env if "value" in one}


def agent_image(pod: Manifest) -> str | None:
    """Return the image that a pod's agents run from, cut to what a status may hold."""
    containers = pod["spec"]["containers"]
    # A pod of the version before has only one.
    found = [
        one["image"] for one in containers if one["name"] == AGENT_CONTAINER or not containers[1:]
    ]
    # Anybody who may edit a pod may write anything into it.
    return str(found[0])[:MAX_IMAGE] if found else None


def _first(pod: Manifest, find: Callable[[Mapping[str, Any]], Blocker | None]) -> Blocker | None:
    return next(filter(None, map(find, containers_of(pod))), None)


def _exit(container: Mapping[str, Any]) -> str:
    ended = (container.get("state") or {}).get("terminated")
    if not ended:
        return ""
    if ended.get("reason") == "OOMKilled":
        return "used more memory than its limit and was killed"
    return f"ended with exit code {ended.get('exitCode')}"
