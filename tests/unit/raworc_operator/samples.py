"""Objects as a cluster would show them, for tests of the operator."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from raworc_crds.agent_session import SessionSpec
from raworc_crds.space import AgentSource, SpaceSpec
from raworc_kube.objects import Manifest
from raworc_operator.labels import SESSION_COMPONENT, labels
from raworc_operator.sessions.view import RESTARTS_ANNOTATION, SessionSnapshot
from raworc_operator.settings import Settings
from raworc_sources.protocol import BaseImages

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOON_TEXT = "2026-01-01T12:00:00Z"
IMAGE = "registry.test/raworc_space_team@sha256:" + "a" * 64
COMMIT = "c" * 40

SETTINGS = Settings(
    namespace_prefix="raworc-",
    api_url="http://api.test",
    registry_push="push.test:5000",
    registry_pull="pull.test",
    registry_insecure=True,
    base_images=BaseImages(
        python="raworc/agent:1", node="raworc/agent-node:1", rust="raworc/agent-rust:1"
    ),
    image="raworc/raworc:1",
    kaniko_image="kaniko:1",
)

READY = {"type": "Ready", "status": "True"}
RUNNING: dict[str, Any] = {"containerStatuses": [{"name": "agent", "state": {"running": {}}}]}


def space(status: Mapping[str, Any] | None = None, **spec: Any) -> Manifest:  # noqa: ANN401
    """A Space with one agent, built unless told otherwise."""
    agents = [{"name": "echo", "repo": "owner/agents"}]
    return {
        "apiVersion": "raworc.dev/v1alpha1",
        "kind": "Space",
        "metadata": {"name": "team", "uid": "space-uid", "generation": 1},
        "spec": {"agents": agents, **spec},
        "status": {"image": IMAGE, "observedGeneration": 1} if status is None else dict(status),
    }


def session(
    status: Mapping[str, Any] | None = None,
    annotations: Mapping[str, str] | None = None,
    **spec: Any,  # noqa: ANN401
) -> Manifest:
    """An AgentSession that nobody has looked at yet, unless told otherwise."""
    return {
        "apiVersion": "raworc.dev/v1alpha1",
        "kind": "AgentSession",
        "metadata": {
            "name": "talk",
            "namespace": "raworc-team",
            "uid": "session-uid",
            "generation": 1,
            "annotations": dict(annotations or {}),
        },
        "spec": {"space": "team", **spec},
        "status": dict(status or {}),
    }


def owned(kind: str, status: Mapping[str, Any], **metadata: Any) -> Manifest:  # noqa: ANN401
    """A child of the session."""
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {
            "name": "talk",
            "namespace": "raworc-team",
            "uid": f"{kind}-uid",
            "labels": labels("team", SESSION_COMPONENT, "talk"),
            "creationTimestamp": NOON_TEXT,
            "ownerReferences": [{"uid": "session-uid"}],
            **metadata,
        },
        "spec": {
            "containers": [{"name": "host", "image": "raworc"}, {"name": "agent", "image": IMAGE}],
            "nodeName": "node-1",
        },
        "status": dict(status),
    }


def pod(*conditions: Mapping[str, str], number: int = 0, **status: Any) -> Manifest:  # noqa: ANN401
    """The pod of the session."""
    annotations = {RESTARTS_ANNOTATION: str(number)}
    return owned("Pod", {"conditions": list(conditions), **status}, annotations=annotations)


def build_pods(build: str, **ended: Any) -> Manifest:  # noqa: ANN401
    """The pod of a build that ended."""
    labels = {"batch.kubernetes.io/job-name": f"build-{build}", "raworc.dev/component": "build"}
    status = {"containerStatuses": [{"name": "push", "state": {"terminated": ended}}]}
    metadata = {"name": "p", "namespace": "raworc-team", "labels": labels, "uid": "p"}
    return {"kind": "Pod", "metadata": metadata, "status": status}


def claim(phase: str = "Bound") -> Manifest:
    """The claim of the session's volume."""
    return owned("PersistentVolumeClaim", {"phase": phase})


def view(of: Manifest | None = None, **parts: Manifest | None) -> SessionSnapshot:
    """What a session's reconcile sees."""
    seen = of or session()
    return SessionSnapshot(
        session=seen,
        spec=SessionSpec.model_validate(seen["spec"]),
        space=parts.get("space", space()),
        claim=parts.get("claim"),
        pod=parts.get("pod"),
    )


def source(name: str = "echo", repo: str = "owner/agents", **more: Any) -> AgentSource:  # noqa: ANN401
    """One agent of a Space."""
    return AgentSource(name=name, repo=repo, **more)


def space_spec(**more: Any) -> SpaceSpec:  # noqa: ANN401
    """The spec of a Space with one agent."""
    return SpaceSpec(agents=[source()], **more)
