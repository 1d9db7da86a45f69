"""Git repositories in the cluster's Git server, filled from here."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

IN_CLUSTER = "git://git.demo-git.svc"
_SECONDS = 60
_IDENTITY = ("-c", "user.name=bench", "-c", "user.email=bench@raworc.dev")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository: its clone here, and its name on the server."""

    name: str
    clone: Path
    server: str

    @property
    def url(self) -> str:
        """The address that a Space names."""
        return f"{IN_CLUSTER}/{self.name}.git"

    def push(self, files: Mapping[str, str]) -> str:
        """Add files to the newest commit of `main`; return the commit."""
        for name, text in files.items():
            (self.clone / name).parent.mkdir(parents=True, exist_ok=True)
            (self.clone / name).write_text(text)
        return self.commit()

    def commit(self) -> str:
        """Make what is in the clone the newest commit of `main`; return the commit."""
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "-m", "content")
        self._git("push", "--quiet", f"{self.server}/{self.name}.git", "HEAD:refs/heads/main")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        return _git("-C", str(self.clone), *_IDENTITY, *arguments)


def new_repository(name: str, folder: Path, server: str, files: Path | None = None) -> Repository:
    """Begin a repository, with a copy of a folder's files or with nothing in it."""
    clone = folder / name
    if files:
        shutil.copytree(files, clone, ignore=shutil.ignore_patterns("__pycache__"))
    _git("init", "--quiet", "--initial-branch=main", str(clone))
    return Repository(name, clone, server)


def _git(*arguments: str) -> str:
    command = ("git", *arguments)
    return subprocess.run(  # noqa: S603 - the arguments are ours
        command,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=_SECONDS,
    ).stdout
