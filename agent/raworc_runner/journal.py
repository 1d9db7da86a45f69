"""What the host and the runner say of themselves, on their container's standard error."""

import os

_STDERR = 2


def note(text: str) -> None:
    """Write one line, at once and whole, beside the lines of agents."""
    os.write(_STDERR, f"raworc: {text}\n".encode("utf-8", "replace"))
