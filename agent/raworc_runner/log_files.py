"""An agent's output as files on the session's volume, bounded in number and size."""

import os
from pathlib import Path
from time import gmtime, strftime, time

MAX_FILES = 10
MAX_BYTES = 16 * 1024 * 1024


class LogFiles:
    """The files of one stream of one agent's process: ``<agent>_<time>_<stream>.log``.

    A volume that is full takes no more log; the pod's own output still shows it.
    """

    def __init__(self, folder: Path, agent: str, stream: str) -> None:
        self._folder = folder
        self._agent = agent
        self._stream = stream
        self._fd: int | None = None
        self._written = 0

    def write(self, chunk: bytes) -> None:
        """Append to the file, or to the next one when this one is long enough."""
        try:
            if self._fd is None or self._written + len(chunk) > MAX_BYTES:
                self._open_next()
            if self._fd is not None:
                self._written += os.write(self._fd, chunk)
        except OSError:
            # Not worth a line for each line that is lost; the next one tries again.
            return

    def close(self) -> None:
        """Close the file, if one is open."""
        if self._fd is not None:
            os.close(self._fd)
        self._fd = None

    def _open_next(self) -> None:
        self.close()
        name = f"{self._agent}_{_timestamp()}_{self._stream}.log"
        # A new one: what agents have put in its place may be a pipe, at which everybody would wait.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(self._folder / name, flags, 0o644)
        self._written = 0
        self._prune()

    def _prune(self) -> None:
        """Remove the agent's oldest files; names sort by time, and no agent's name has a '_'."""
        names = sorted(path.name for path in self._folder.glob(f"{self._agent}_*.log"))
        for name in names[:-MAX_FILES]:
            (self._folder / name).unlink(missing_ok=True)


def _timestamp() -> str:
    now = time()
    return f"{strftime('%Y%m%dT%H%M%S', gmtime(now))}.{int(now * 1000) % 1000:03d}Z"
