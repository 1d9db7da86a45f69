"""The real operator, in process, on a real kube-apiserver."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import kopf
import pytest
from tests.support.kubernetes import DEFINITIONS_PATH, MERGE, KubeApi
from tests.support.sources import FakeSources

from raworc_crds import __version__
from raworc_kube.client import KubernetesCluster, connect
from raworc_kube.objects import SESSION, SPACE, Kind, Manifest
from raworc_operator.__main__ import make_queues, running_threads
from raworc_operator.context import Context
from raworc_operator.kopf_settings import operator_settings
from raworc_operator.networks import Networks
from raworc_operator.settings import Settings
from raworc_sources.protocol import BaseImages

_DEADLINE_SECONDS = 20
_numbers = count(1)

SETTINGS = Settings(
    namespace_prefix="raworc-",
    api_url="http://api.test",
    registry_push="push.test",
    registry_pull="pull.test",
    registry_insecure=True,
    base_images=BaseImages(
        python="raworc/agent:1", node="raworc/agent-node:1", rust="raworc/agent-rust:1"
    ),
    image="raworc/raworc:1",
    kaniko_image="kaniko:1",
    networks=Networks(cluster_ranges=("10.96.0.0/16",)),
)
# The status of a Space that needs nothing: its image is where nodes pull.
BUILT = {
    "image": f"{SETTINGS.registry_pull}/image@sha256:1",
    "observedGeneration": 1,
    "build": {
        "id": "b",
        "key": "k",
        "state": "completed",
        "agents": [{"name": "echo", "commit": "c"}],
        "operatorVersion": __version__,
    },
}


@dataclass
class Bed:
    """A cluster without an operator, what the operator would be given, and a name for one Space."""

    api: KubeApi
    sources: FakeSources
    # A namespace is never emptied here, so that each test has one of its own.
    space: str = field(default_factory=lambda: f"team-{next(_numbers)}")

    @property
    def namespace(self) -> str:
        """The namespace of the Space."""
        return f"{SETTINGS.namespace_prefix}{self.space}"

    def put(self, kind: Kind, name: str, **parts: Any) -> Manifest:  # noqa: ANN401 - any JSON
        """Have an object in the cluster, with its status."""
        status = parts.pop("status", None)
        metadata = {"name": name, **parts.pop("metadata", {})}
        manifest = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}
        made = self.api.ask("POST", self._path(kind), {**manifest, **parts})
        return self.change_status(kind, name, **status) if status else made

    def change(self, kind: Kind, name: str, **parts: Any) -> Manifest:  # noqa: ANN401 - any JSON
        """Change an object as another client would."""
        return self.api.ask("PATCH", self._path(kind, name), parts, MERGE)

    def change_status(self, kind: Kind, name: str, **status: Any) -> Manifest:  # noqa: ANN401 - any JSON
        """Change the status of an object, as the kubelet or a controller would."""
        return self.api.ask("PATCH", f"{self._path(kind, name)}/status", {"status": status}, MERGE)

    def delete(self, kind: Kind, name: str) -> None:
        """Delete an object as another client would."""
        self.api.ask("DELETE", self._path(kind, name), {"propagationPolicy": "Background"})

    def get(self, kind: Kind, name: str) -> Manifest | None:
        """Return an object of the cluster."""
        return self.api.find(self._path(kind, name))

    def has(self, kind: Kind, name: str) -> bool:
        """Say whether an object is in the cluster."""
        return self.get(kind, name) is not None

    def clear(self) -> None:
        """Take away what the operator of the next test would find."""
        for kind in (SESSION, SPACE):
            for item in self.api.ask("GET", kind.path())["items"]:
                path = kind.path(item["metadata"].get("namespace"), item["metadata"]["name"])
                self.api.ask("PATCH", path, {"metadata": {"finalizers": None}}, MERGE)
                if self.api.find(path):
                    self.api.ask("DELETE", path)

    @contextmanager
    def definition_of_a_later_version(self, kind: Kind) -> Iterator[None]:
        """Have the definition of a kind allow fields of which this version does not know."""
        definition = f"{kind.plural}.{kind.api_version.partition('/')[0]}"
        before = self.api.ask("GET", f"{DEFINITIONS_PATH}/{definition}")["spec"]["versions"]
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        served = {**before[0], "schema": {"openAPIV3Schema": schema}}
        self.api.change_definition(definition, {"versions": [served]})
        try:
            yield
        finally:
            self.clear()
            self.api.change_definition(definition, {"versions": before})

    @contextmanager
    def operator(self) -> Iterator[Context]:
        """Run the operator."""
        cluster = KubernetesCluster(connect(), "raworc-operator")
        context = Context(cluster, self.sources, SETTINGS, *make_queues())
        stop = threading.Event()
        with running_threads(context) as memo:
            running = threading.Thread(target=_run, args=(memo, stop))
            running.start()
            try:
                yield context
            finally:
                stop.set()
                running.join()

    def _path(self, kind: Kind, name: str | None = None) -> str:
        return kind.path(self.namespace, name)


def _run(memo: kopf.Memo, stop: threading.Event) -> None:
    kopf.run(
        clusterwide=True,
        standalone=True,
        identity="test",  # type: ignore[arg-type]  # its type is not public
        settings=operator_settings(),
        memo=memo,
        stop_flag=stop,
    )


@pytest.fixture
def bed(kube_api: KubeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bed]:
    """A cluster that has the definitions of the kinds, and no object of them."""
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(kube_api.kubeconfig()))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file))
    bed = Bed(kube_api, FakeSources())
    yield bed
    bed.clear()


Eventually = Callable[[Callable[[], bool]], None]


@pytest.fixture
def eventually() -> Eventually:
    """Wait until something holds, which it must within seconds."""

    def wait(holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, "It did not come to be."
            time.sleep(0.05)

    return wait
