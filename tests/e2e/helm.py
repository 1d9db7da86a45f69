"""The release by ``helm``, as who runs Raworc has it."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.kubectl import SYSTEM
from tests.e2e.waiting import BUILT

RELEASE = "raworc"
CHART = Path(__file__).parents[2] / "helm" / RELEASE
_WAITING = ("--wait", f"--timeout={BUILT}s")

Values = dict[str, Any]


@dataclass(frozen=True)
class Helm:
    """The release in one context of the configuration."""

    context: str

    def __call__(self, *arguments: str, given: str | None = None) -> str:
        """Run one command and return what it printed."""
        helm = shutil.which("helm")
        assert helm, "helm is on the PATH of `make test`"
        done = subprocess.run(  # noqa: S603 - the arguments are ours
            [helm, "--kube-context", self.context, "--namespace", SYSTEM, *arguments],
            input=given,
            capture_output=True,
            text=True,
            timeout=BUILT + 10,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def values(self) -> Values:
        """Read what the release was told beside the defaults."""
        return dict(json.loads(self("get", "values", RELEASE, "--output", "json")))

    @contextmanager
    def told(self, values: Values) -> Iterator[None]:
        """Run the release with these values, and then with those that it has now."""
        former = self.values()
        try:
            self._upgrade(values)
            yield
        finally:
            self._upgrade(former)

    def renew(self) -> None:
        """Upgrade the release as it is, which renews what is missing of it."""
        self("upgrade", RELEASE, str(CHART), "--reset-then-reuse-values", *_WAITING)

    def _upgrade(self, values: Values) -> None:
        flags = ("--reset-values", "--values", "-", *_WAITING)
        self("upgrade", RELEASE, str(CHART), *flags, given=json.dumps(values))
