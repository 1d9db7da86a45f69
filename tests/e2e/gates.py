"""The gate before which the agent ``gated`` waits, opened from outside."""

from tests.e2e.kubectl import Kubectl


def open_gate(kubectl: Kubectl, space: str, pod: str, word: str) -> None:
    """Let the agent answer the message that is this word."""
    kubectl("exec", "-n", f"raworc-{space}", pod, "--", "touch", f"/session/state/open-{word}")
