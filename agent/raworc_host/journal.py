"""What the host says of itself, on the pod's standard error."""

import os

_STDERR = 2


def note(text: str) -> None:
    """Write one line, at once and whole, beside the lines of agents."""
    os.write(_STDERR, f"raworc-host: {text}\n".encode("utf-8", "replace"))
