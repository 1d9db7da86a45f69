"""The real operator, in process, on a mock of the Kubernetes API."""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import kmock as kmocks
import kopf
import pytest
from kmock._internal import parsing

from raworc_kube.client import ClusterError, ExistsError, KubernetesCluster
from raworc_kube.objects import Manifest, key_of
from raworc_operator.context import Context
from raworc_operator.kopf_settings import operator_settings
from raworc_operator.settings import Settings
from raworc_operator.workqueue import WorkQueue
from raworc_sources.git import Git
from raworc_sources.problems import SourceError
from raworc_sources.registry import RegistryError

_DEADLINE_SECONDS = 10
_parse_inside = parsing.parse_path
_KINDS = {
    "raworc.dev/v1alpha1/spaces": ("Space", False),
    "raworc.dev/v1alpha1/agentsessions": ("AgentSession", True),
    "v1/namespaces": ("Namespace", False),
    "v1/pods": ("Pod", True),
    "v1/persistentvolumeclaims": ("PersistentVolumeClaim", True),
    "v1/serviceaccounts": ("ServiceAccount", True),
    "v1/resourcequotas": ("ResourceQuota", True),
    "v1/configmaps": ("ConfigMap", True),
    "v1/secrets": ("Secret", True),
    "v1/events": ("Event", True),
    "batch/v1/jobs": ("Job", True),
    "networking.k8s.io/v1/networkpolicies": ("NetworkPolicy", True),
}
_VERBS = ("get", "list", "watch", "patch", "create", "delete")

SETTINGS = Settings(
    namespace_prefix="raworc-",
    api_url="http://api.test",
    registry_push="push.test",
    registry_pull="pull.test",
    registry_insecure=True,
    base_image="raworc/agent:1",
    image="raworc/raworc:1",
    kaniko_image="kaniko:1",
)


class MockedCluster(KubernetesCluster):
    """The real client; only server-side apply, which the mock does not know, is done by hand."""

    def create(self, manifest: Manifest) -> Manifest:
        # The mock gives neither a uid nor a time of creation.
        uid = f"{manifest['kind']}-{manifest['metadata']['name']}"
        stamp = {
            "uid": uid,
            "creationTimestamp": "2026-01-01T12:00:00Z",
            "resourceVersion": "1",
        }
        return super().create({**manifest, "metadata": {**stamp, **manifest["metadata"]}})

    def apply(self, manifest: Manifest) -> Manifest:
        try:
            return self.create(manifest)
        except ExistsError:
            headers = {"Content-Type": "application/merge-patch+json"}
            answer = self._ask("PATCH", key_of(manifest).path, manifest, headers=headers)
            assert answer is not None
            return answer


@dataclass
class FakeRegistry:
    """Images by repository and tag."""

    images: dict[tuple[str, str], str] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    reachable: bool = True

    def digest(self, repository: str, tag: str) -> str | None:
        return self.images.get((repository, tag))

    def delete_repository(self, repository: str) -> None:
        if not self.reachable:
            self.reachable = True
            raise RegistryError("It is away.")
        self.deleted.append(repository)

    def base_digest(self, reference: str) -> tuple[str, str | None]:
        return f"push.test/{reference.partition(':')[0]}", "sha256:base"


@dataclass(frozen=True)
class FakeGit(Git):
    """Commits by ref; a ref may also be an error."""

    commits: dict[str | None, str | SourceError] = field(default_factory=dict)

    def resolve(self, repo: str, ref: str | None) -> str:  # noqa: ARG002 - as the real one
        found = self.commits[ref]
        if isinstance(found, SourceError):
            raise found
        return found


@dataclass
class Bed:
    """A cluster without an operator, and what the operator would be given."""

    api: Any
    registry: FakeRegistry
    git: FakeGit

    def put(self, resource: str, namespace: str | None, name: str, **parts: Any) -> None:  # noqa: ANN401
        """Have an object in the cluster."""
        kind, _ = _KINDS[resource]
        identity = {"apiVersion": resource.rpartition("/")[0], "kind": kind}
        # The mock counts no versions, but kopf tests for one.
        metadata = {"name": name, "uid": f"uid-{name}", "generation": 1, "resourceVersion": "1"}
        metadata |= {"namespace": namespace} if namespace else {}
        metadata |= parts.pop("metadata", {})
        whole = {**identity, "metadata": metadata, **parts}
        self.api.objects[resource, namespace, name] = whole

    async def change(self, resource: str, namespace: str | None, name: str, **parts: Any) -> None:  # noqa: ANN401
        """Change an object as another client would, so that the operator hears of it."""
        path = _path(resource, namespace, name)
        headers = {"Content-Type": "application/merge-patch+json"}
        answer = await self.api.patch(path, data=json.dumps(parts), headers=headers)
        assert answer.status == HTTPStatus.OK, await answer.text()

    async def delete(self, resource: str, namespace: str | None, name: str) -> None:
        """Delete an object as another client would."""
        answer = await self.api.delete(_path(resource, namespace, name))
        assert answer.status == HTTPStatus.OK, await answer.text()

    def get(self, resource: str, namespace: str | None, name: str) -> Manifest | None:
        """Return an object of the cluster."""
        key = (resource, namespace, name)
        return (
            json.loads(json.dumps(self.api.objects[key], default=dict)) if self.has(*key) else None
        )

    def has(self, resource: str, namespace: str | None, name: str) -> bool:
        """Say whether an object is in the cluster."""
        try:
            return not self.api.objects[resource, namespace, name].deleted
        except KeyError:
            return False

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[Context]:
        """Run the operator."""
        executor = ThreadPoolExecutor(8)
        transient = (ClusterError, RegistryError)
        turns = (WorkQueue(executor, transient), WorkQueue(executor, transient))
        context = Context(MockedCluster(), self.registry, self.git, SETTINGS, *turns)
        settings = operator_settings(executor)
        settings.watching.label_selectors.clear()
        stop = threading.Event()
        for each in turns:
            each.start()
        # In a loop of its own, so that at its end it does not wait for the tasks of the mock.
        running = asyncio.create_task(asyncio.to_thread(_run, settings, context, stop))
        try:
            yield context
        finally:
            for each in turns:
                await asyncio.to_thread(each.stop)
            stop.set()
            await running
            await asyncio.to_thread(executor.shutdown)


def _run(settings: kopf.OperatorSettings, context: Context, stop: threading.Event) -> None:
    kopf.run(
        clusterwide=True,
        standalone=True,
        identity="test",  # type: ignore[arg-type]  # its type is not public
        settings=settings,
        memo=kopf.Memo(context=context),
        stop_flag=stop,
    )


@pytest.fixture
def bed(kmock: kmocks.RawHandler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bed:
    """A cluster that knows the kinds of the operator, and has nothing in it."""
    api: Any = kmock
    for resource, (kind, namespaced) in _KINDS.items():
        api.resources[resource] = {
            "kind": kind,
            "namespaced": namespaced,
            "verbs": _VERBS,
            "singular": kind.lower(),
            "shortnames": (),
            "categories": (),
            "subresources": ("status",),
        }
    monkeypatch.setattr(parsing, "parse_path", _parse_path)
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(_kubeconfig(str(api.url))))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file))
    return Bed(api, FakeRegistry(), FakeGit(commits={None: "c" * 40}))


def _path(resource: str, namespace: str | None, name: str) -> str:
    version, _, plural = resource.rpartition("/")
    start = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return (
        f"{start}/namespaces/{namespace}/{plural}/{name}"
        if namespace
        else f"{start}/{plural}/{name}"
    )


def _parse_path(path: str) -> parsing.ParsedPath:
    # The mock takes every path of a namespace itself for one inside of it.
    namespace = re.fullmatch("/api/v1/namespaces(?:/([^/]+))?", path)
    if namespace:
        return parsing.ParsedPath("", "v1", "namespaces", None, namespace[1])
    return _parse_inside(path)


def _kubeconfig(url: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {"server": url}}],
        "users": [{"name": "test", "user": {"token": "test"}}],
    }


Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture
def eventually() -> Eventually:
    """Wait until something holds, which it must within seconds."""

    async def wait(holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            while not holds():  # noqa: ASYNC110 - the mock tells nobody of a change
                await asyncio.sleep(0.01)

    return wait
