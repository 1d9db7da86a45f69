"""Asking ``git``: no shell, no prompt, no option out of a stranger's text, and never for long."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from raworc_crds.space import SpaceReason
from raworc_sources.address import Address, parse_address
from raworc_sources.problems import SourceError, UnreachableError
from raworc_sources.refs import is_commit, pick_commit, ref_patterns

_LISTING_SECONDS = 30
_LAST_LINES = 3

# What servers and git itself say of a repository that is not there, or not for everyone.
_NOT_FOUND = (
    "repository not found",
    "' not found",
    "repository not exported",
    "does not appear to be a git repository",
    "does not exist",
    "could not read username",
    "authentication failed",
    "returned error: 401",
    "returned error: 403",
    "returned error: 404",
    "returned error: 410",
)


@dataclass(frozen=True, slots=True)
class Git:
    """Runs ``git`` against repositories of strangers."""

    internal_hosts: frozenset[str] = frozenset()
    authorities_file: Path | None = None
    program: str = "git"

    def resolve(self, repo: str, ref: str | None) -> str:
        """Return the commit at which a branch or tag is, or say that there is none."""
        address = parse_address(repo, self.internal_hosts)
        if ref is not None and is_commit(ref):
            return ref
        listing = self.run(
            address, "ls-remote", "--end-of-options", address.location, *ref_patterns(ref)
        )
        return pick_commit(listing, ref, address.url)

    def run(
        self,
        address: Address,
        *arguments: str,
        folder: Path | None = None,
        seconds: float = _LISTING_SECONDS,
    ) -> str:
        """Run one command of ``git`` that speaks to a repository, and return what it prints."""
        command = [self.program, *_options(address), *arguments]
        try:
            done = subprocess.run(  # noqa: S603 - no shell; the arguments are checked or ended
                command,
                cwd=folder,
                env=self._environment(),
                capture_output=True,
                check=False,
                timeout=seconds,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired as error:
            words = f"Repository '{address.url}' did not answer within {seconds:.0f} s."
            raise UnreachableError(words) from error
        if done.returncode != 0:
            raise failure(address.url, done.stderr.decode(errors="replace"))
        return done.stdout.decode(errors="replace")

    def _environment(self) -> Mapping[str, str]:
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": "/nonexistent",
            "LC_ALL": "C.UTF-8",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ALLOW_PROTOCOL": "https:http:git",
            **({"GIT_SSL_CAINFO": str(self.authorities_file)} if self.authorities_file else {}),
        }


def failure(url: str, words: str) -> SourceError:
    """Tell a repository that is not there from one that cannot be reached now."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    end = " ".join(lines[-_LAST_LINES:])
    if any(sign in words.lower() for sign in _NOT_FOUND):
        message = f"Repository '{url}' does not exist, or is not public: {end}"
        return SourceError(SpaceReason.REPOSITORY_NOT_FOUND, message)
    return UnreachableError(f"Repository '{url}' cannot be read: {end}")


def _options(address: Address) -> list[str]:
    # A redirect would lead to an address that nobody looked at.
    options = ["-c", "http.followRedirects=false"]
    if address.resolution is not None:
        options += ["-c", f"http.curloptResolve={address.resolution}"]
    return options
