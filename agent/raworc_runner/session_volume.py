"""The session's volume: what the host makes ready on it before any agent runs."""

from collections.abc import Iterable
from pathlib import Path

from raworc_runner.journal import note
from raworc_runner.settings import Settings

_FALLBACK_TEMPORARY = Path("/tmp")  # noqa: S108 - the pod's own, on no volume
_LINK = "agents"
_NEW_LINK = ".agents.new"


def prepare(settings: Settings) -> Path:
    """Make the folders and the link to the agents; return where temporary files go.

    Nothing that agents left is touched, and a volume that is full or broken stops nothing: an
    agent that needs no space still answers.
    """
    session = settings.session_dir
    temporary = session / "tmp"
    _make(
        (session, settings.cache_dir, settings.state_dir, temporary, session / "logs"),
    )
    try:
        _link(session / _LINK, settings.agents_dir)
    except OSError as error:
        note(f"{session / _LINK} cannot be made: {error}")
    return temporary if temporary.is_dir() else _FALLBACK_TEMPORARY


def _make(folders: Iterable[Path]) -> None:
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            note(f"{folder} cannot be made: {error}")


def _link(link: Path, target: Path) -> None:
    """Point ``link`` at ``target``; the image's agents may lie elsewhere than the last one's."""
    if not link.is_symlink():
        link.symlink_to(target)
    elif link.readlink() != target:
        fresh = link.with_name(_NEW_LINK)
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(link)
