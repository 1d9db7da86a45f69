"""The cluster by ``kubectl``, as its users meet it."""

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.e2e.waiting import STARTED

SYSTEM = "raworc-system"

Manifest = dict[str, Any]


class RefusedByClusterError(Exception):
    """``kubectl`` ended with an error; its text is what the user reads."""


@dataclass(frozen=True)
class Kubectl:
    """One context of the configuration, named in every call."""

    context: str

    def __call__(self, *arguments: str, given: str | None = None, seconds: float = STARTED) -> str:
        """Run one command and return what it printed."""
        done = subprocess.run(  # noqa: S603 - the arguments are ours
            self._command(*arguments),
            input=given,
            capture_output=True,
            text=True,
            timeout=seconds + 10,
            check=False,
        )
        if done.returncode:
            raise RefusedByClusterError(done.stderr.strip())
        return done.stdout

    def apply(self, *manifests: Manifest) -> None:
        """Apply manifests as from a file."""
        self("apply", "-f", "-", given=_file(manifests))

    def delete(self, *manifests: Manifest) -> None:
        """Delete what is there of manifests, and wait until it is gone."""
        self("delete", "-f", "-", "--ignore-not-found", given=_file(manifests))

    @contextmanager
    def applied(self, *manifests: Manifest) -> Iterator[None]:
        """Have what manifests name in the cluster for a while."""
        try:
            self.apply(*manifests)
            yield
        finally:
            self.delete(*manifests)

    def patch(self, target: Sequence[str], spec: Manifest) -> None:
        """Change the spec of one object."""
        self("patch", *target, "--type=merge", "-p", json.dumps({"spec": spec}))

    def read(self, *target: str) -> Manifest | None:
        """Read one object, or nothing if it is not there."""
        text = self("get", *target, "--ignore-not-found", "-o", "json")
        return dict(json.loads(text)) if text.strip() else None

    def every(self, *target: str) -> list[Manifest]:
        """List objects of one kind."""
        return list(json.loads(self("get", *target, "-o", "json"))["items"])

    def wait(self, target: Sequence[str], wish: str, seconds: float = STARTED) -> None:
        """Wait until an object is there and as wished, in kubectl's own words for it."""
        # What is made by REST comes into the cluster a moment later.
        for step in [wish] if wish == "delete" else ["create", wish]:
            self("wait", *target, f"--for={step}", f"--timeout={seconds:.0f}s", seconds=seconds)

    def wait_gone(self, *target: str, seconds: float = STARTED) -> None:
        """Wait until an object is deleted; one that is gone already will do."""
        if self.read(*target) is None:
            return
        try:
            self.wait(target, "delete", seconds)
        except RefusedByClusterError as error:
            if "NotFound" not in str(error):
                raise

    def condition(self, target: Sequence[str], kind: str) -> Manifest:
        """Read one condition of an object; an unknown one is empty."""
        conditions = (self.read(*target) or {}).get("status", {}).get("conditions", [])
        return next((dict(one) for one in conditions if one["type"] == kind), {})

    def kill(self, pod: str, namespace: str) -> None:
        """End a pod at once, as a failing node would."""
        self("delete", "pod", pod, "-n", namespace, "--grace-period=0", "--force", "--wait=true")

    def pods(self, component: str) -> list[str]:
        """Name the running pods of one part of Raworc."""
        pods = self.every("pods", "-n", SYSTEM, "-l", f"app.kubernetes.io/component={component}")
        alive = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        return [pod["metadata"]["name"] for pod in alive if pod["status"]["phase"] == "Running"]

    def rolled_out(self, deployment: str) -> None:
        """Wait until every replica of a deployment is there and ready."""
        self("rollout", "status", f"deployment/{deployment}", "-n", SYSTEM, f"--timeout={STARTED}s")

    @contextmanager
    def forwarded(self, pod: str, port: int, namespace: str = SYSTEM) -> Iterator[str]:
        """Reach one pod alone, at the address that is yielded."""
        command = self._command("port-forward", "-n", namespace, f"pod/{pod}", f":{port}")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forwarding:  # noqa: S603 - as above
            try:
                said = forwarding.stdout.readline() if forwarding.stdout else ""
                local = re.search(r"127\.0\.0\.1:(\d+)", said)
                assert local, f"no port in {said!r}"
                yield f"http://127.0.0.1:{local[1]}"
            finally:
                forwarding.terminate()

    def _command(self, *arguments: str) -> list[str]:
        return ["kubectl", "--context", self.context, *arguments]


def _file(manifests: Sequence[Manifest]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
