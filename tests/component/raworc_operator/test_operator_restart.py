"""What a restart costs where many sessions need nothing."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.component.raworc_operator.conftest import BUILT, SETTINGS, Bed
from tests.support.kubernetes import ROOT

from raworc_crds.agent_session import SessionSpec
from raworc_crds.group import SPACE_LABEL
from raworc_crds.wire import dump
from raworc_kube.client import KubernetesCluster, connect
from raworc_kube.objects import NAMESPACE, SERVICE_ACCOUNT, SESSION, SPACE, Manifest
from raworc_operator.sessions.reconcile import builders
from raworc_operator.sessions.status import session_status
from raworc_operator.sessions.view import SessionSnapshot
from raworc_operator.sessions.volume import session_claim
from raworc_operator.spaces.namespace import session_account

# A thousand take 10 s of the processor and 127 MiB, but minutes to make on a busy machine.
SESSIONS = 300
RUNNER = Path(__file__).with_name("restarted.py")


def make_idle_session(
    cluster: KubernetesCluster, space: Manifest, namespace: str, name: str
) -> None:
    """Have a session with its volume and its pod, as an operator left it."""

    def made(manifest: Manifest, **status: Any) -> Manifest:  # noqa: ANN401 - any JSON
        found = cluster.create(manifest)
        cluster.patch_status(found, status)
        return {**found, "status": {**(found.get("status") or {}), **status}}

    spec = {"space": space["metadata"]["name"]}
    identity = {"apiVersion": SESSION.api_version, "kind": SESSION.name}
    metadata = {"name": name, "namespace": namespace}
    session = cluster.create({**identity, "metadata": metadata, "spec": spec})
    view = SessionSnapshot(session, SessionSpec.model_validate(spec), space, None, None)
    claim = made(session_claim(view), phase="Bound")
    ready = {"type": "Ready", "status": "True"}
    pod = made(builders(SETTINGS).pod(view), phase="Running", conditions=[ready])
    seen = replace(view, claim=claim, pod=pod)
    status = dump(session_status(seen, None, datetime.now(UTC)))
    cluster.patch_status(session, status)


def make_idle_space(bed: Bed) -> Manifest:
    bed.put(NAMESPACE, bed.namespace, metadata={"labels": {SPACE_LABEL: bed.space}})
    account = session_account(bed.space, bed.namespace)
    bed.api.ask("POST", SERVICE_ACCOUNT.path(bed.namespace), account)
    spec = {"agents": [{"name": "echo", "repo": "o/r"}]}
    return bed.put(SPACE, bed.space, spec=spec, status=BUILT)


def run_until_quiet(tmp_path: Path) -> dict[str, float]:
    environment = {
        **os.environ,
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, str(RUNNER)]
    done = subprocess.run(  # noqa: S603 - our own file
        command, env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.timeout(300)
def test_a_restart_with_many_idle_sessions_is_quick_and_small(bed: Bed, tmp_path: Path) -> None:
    space = make_idle_space(bed)
    cluster = KubernetesCluster(connect(), "test")
    with ThreadPoolExecutor(16) as threads:
        names = [f"s{number}" for number in range(SESSIONS)]
        list(
            threads.map(lambda name: make_idle_session(cluster, space, bed.namespace, name), names)
        )
    found = run_until_quiet(tmp_path)
    sys.stdout.write(f"{found}\n")
    assert found["failures"] == 0
    # No session is reconciled of which nothing would change.
    assert found["session_runs"] == 0
    # Of its own: the machine may have other work.
    assert found["processor_seconds"] <= 20
    assert found["mebibytes"] <= 150
