"""What is printed of the cluster when a journey fails."""

from collections.abc import Sequence

from tests.e2e.kubectl import SYSTEM, Kubectl, RefusedByClusterError

COMMANDS: Sequence[Sequence[str]] = (
    ("get", "spaces,agentsessions,pods,pvc,jobs", "--all-namespaces", "-o", "wide"),
    ("get", "spaces,agentsessions", "--all-namespaces", "-o", "yaml"),
    ("get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"),
    ("logs", "deployment/raworc-operator", "-n", SYSTEM, "--tail=150"),
    ("logs", "-l", "app.kubernetes.io/component=api", "-n", SYSTEM, "--tail=150", "--prefix"),
    ("get", "pods", "--all-namespaces", "-l", "raworc.dev/component", "-o", "yaml"),
)
_LONGEST = 30_000


def evidence(kubectl: Kubectl) -> list[tuple[str, str]]:
    """Gather events, objects and logs: heading and text."""
    return [(" ".join(command), said(kubectl, command)) for command in COMMANDS]


def said(kubectl: Kubectl, command: Sequence[str]) -> str:
    """Return the end of what a command said, be it that it failed."""
    try:
        return kubectl(*command)[-_LONGEST:]
    except RefusedByClusterError as error:
        return str(error)
