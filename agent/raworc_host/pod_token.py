"""The pod's projected token, which the kubelet renews in place."""

from pathlib import Path


class PodToken:
    """The newest token, read again only when its file was exchanged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._text = ""

    def read(self) -> str:
        """Return the token; an OSError says that there is none."""
        stat = self._path.stat()
        seen = (stat.st_ino, stat.st_mtime_ns)
        if seen != self._seen:
            self._text = self._path.read_text(encoding="ascii").strip()
            self._seen = seen
        return self._text
