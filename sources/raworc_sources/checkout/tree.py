"""Taking an agent's folder out of a repository, whole and with nothing from outside."""

import os
import shutil
from pathlib import Path

from raworc_crds.space import SpaceReason
from raworc_sources.problems import SourceError


def copy_agent(repository: Path, path: str | None, target: Path, name: str) -> None:
    """Copy an agent's folder with its hidden files and links, but without git's own."""
    source = _folder(repository, path, name)
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    for link in _links(target):
        _refuse_leaving(link, target, name)


def _folder(repository: Path, path: str | None, name: str) -> Path:
    root = repository.resolve()
    folder = (root / (path or ".")).resolve()
    if not folder.is_dir() or not folder.is_relative_to(root):
        words = f"Agent '{name}': its repository has no folder '{path}' at this commit."
        raise SourceError(SpaceReason.PATH_NOT_FOUND, words)
    return folder


def _links(folder: Path) -> list[Path]:
    return [
        Path(place, name)
        for place, folders, files in os.walk(folder)
        for name in (*folders, *files)
        if Path(place, name).is_symlink()
    ]


def _refuse_leaving(link: Path, folder: Path, name: str) -> None:
    # A link may lead through other links, so where it ends counts, not what it says.
    if Path(os.path.realpath(link)).is_relative_to(folder.resolve()):
        return
    words = f"the link '{link.relative_to(folder)}' leads out of the agent's folder"
    raise SourceError(SpaceReason.REPOSITORY_REFUSED, f"Agent '{name}': {words}.")
