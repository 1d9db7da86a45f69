"""Git repositories in the cluster's demo server, filled from here."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = "git://localhost:9418"
IN_CLUSTER = "git://git.demo-git.svc"

Files = Mapping[str, str] | Path


@dataclass(frozen=True)
class Repository:
    """A repository, its clone on this side and its address on the other."""

    name: str
    clone: Path

    @property
    def url(self) -> str:
        """The address that a Space names."""
        return f"{IN_CLUSTER}/{self.name}.git"

    def push(self, files: Files) -> str:
        """Make ``files`` the newest content of `main`; return the commit."""
        _write(self.clone, files)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "-m", "content")
        self._git("push", "--quiet", f"{HERE}/{self.name}.git", "HEAD:refs/heads/main")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=e2e", "-c", "user.email=e2e@raworc.dev")
        command = ("git", "-C", str(self.clone), *identity, *arguments)
        return subprocess.run(  # noqa: S603 - the arguments are ours
            command, check=True, capture_output=True, text=True, timeout=60
        ).stdout


def new_repository(name: str, folder: Path) -> Repository:
    """Begin a repository with nothing in it."""
    clone = folder / name
    command = ("git", "init", "--quiet", "--initial-branch=main", str(clone))
    subprocess.run(command, check=True, timeout=60)  # noqa: S603 - the arguments are ours
    return Repository(name, clone)


def _write(folder: Path, files: Files) -> None:
    if isinstance(files, Path):
        rubbish = shutil.ignore_patterns("__pycache__")
        shutil.copytree(files, folder, ignore=rubbish, dirs_exist_ok=True)
        return
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
