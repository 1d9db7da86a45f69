"""Reading what ``git ls-remote`` prints."""

import re

from raworc_crds.space import SpaceReason
from raworc_sources.problems import SourceError

_FULL_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_SHORT_COMMIT = re.compile(r"[0-9a-f]{7,39}")


def is_commit(ref: str | None) -> bool:
    """Say whether a ref is a whole commit id, which names itself."""
    return bool(ref and _FULL_COMMIT.fullmatch(ref))


def ref_patterns(ref: str | None) -> list[str]:
    """Return what ``git ls-remote`` is asked for."""
    return [name for candidate in _candidates(ref) for name in (candidate, f"{candidate}^{{}}")]


def pick_commit(listing: str, ref: str | None, url: str) -> str:
    """Return the commit of a ref: a branch before a tag, and what an annotated tag points to."""
    commits = {name: commit for commit, name in _lines(listing)}
    for candidate in _candidates(ref):
        commit = commits.get(f"{candidate}^{{}}") or commits.get(candidate)
        if commit:
            return commit
    raise SourceError(SpaceReason.REF_NOT_FOUND, _missing(ref, url))


def _candidates(ref: str | None) -> list[str]:
    if ref is None:
        return ["HEAD"]
    named = [ref] if ref.startswith("refs/") else []
    return [*named, f"refs/heads/{ref}", f"refs/tags/{ref}"]


def _lines(listing: str) -> list[tuple[str, str]]:
    pairs = (line.partition("\t") for line in listing.splitlines())
    return [(commit, name) for commit, tab, name in pairs if tab and is_commit(commit)]


def _missing(ref: str | None, url: str) -> str:
    if ref is None:
        return f"Repository '{url}' has no default branch: is it empty?"
    if _SHORT_COMMIT.fullmatch(ref):
        return (
            f"Repository '{url}' has no branch or tag '{ref}'; a commit must be given in full, "
            "with all its 40 digits."
        )
    return f"Repository '{url}' has no branch or tag '{ref}'."
