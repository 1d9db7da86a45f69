"""Asking ``git``: no shell, no prompt, no option out of a stranger's text, and never for long."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from raworc_crds.space import SpaceReason
from raworc_sources.address import Address, parse_address
from raworc_sources.problems import SourceError, UnreachableError
from raworc_sources.process import Bounds, OutputLimitError, TimeLimitError, run_bounded
from raworc_sources.refs import is_commit, pick_commit, ref_patterns

# The servers that speak git's newer protocol list only what was asked for; of an older one with
# more refs than this, none can be found.
_LISTING = Bounds(seconds=30, output_bytes=4 * 2**20)
# What git itself may keep of a listing; it runs in half of that.
_LISTING_MEMORY_BYTES = 96 * 2**20
# The largest file that git may write in a folder of ours: what it fetches is one.
_FILE_BYTES = 2 * 2**30
_LAST_LINES = 3

# What git says when it may not write a larger file: what it fetches goes into one, by a child.
_TOO_LARGE = ("signal 25", "File too large")

# What servers and git itself say of a repository that does not exist, or is not public.
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
    file_bytes: int = _FILE_BYTES

    def resolve(self, repo: str, ref: str | None, seconds: float = _LISTING.seconds) -> str:
        """Return the commit at which a branch or tag is, or say that there is none."""
        address = parse_address(repo, self.internal_hosts)
        if ref is not None and is_commit(ref):
            return ref
        arguments = ("ls-remote", "--end-of-options", address.location, *ref_patterns(ref))
        bounds = Bounds(seconds, _LISTING.output_bytes)
        limit = ("prlimit", f"--as={_LISTING_MEMORY_BYTES}", "--")
        return pick_commit(self._run(address, arguments, bounds, limit), ref, address.url)

    def run(
        self, address: Address, *arguments: str, folder: Path, seconds: float = _LISTING.seconds
    ) -> None:
        """Run one command of ``git`` that speaks to a repository, in a folder of our own."""
        bounds = Bounds(seconds, _LISTING.output_bytes)
        limit = ("prlimit", f"--fsize={self.file_bytes}", "--")
        self._run(address, arguments, bounds, limit, folder)

    def _run(
        self,
        address: Address,
        arguments: Iterable[str],
        bounds: Bounds,
        limit: Iterable[str] = (),
        folder: Path | None = None,
    ) -> str:
        command = [*limit, self.program, *_options(address), *arguments]
        try:
            done = run_bounded(command, self._environment(), folder, bounds)
        except TimeLimitError as error:
            words = f"Repository '{address.url}' did not answer within {bounds.seconds:.0f} s."
            raise UnreachableError(words) from error
        except OutputLimitError as error:
            words = f"Repository '{address.url}' lists more refs than can be read."
            raise SourceError(SpaceReason.REPOSITORY_REFUSED, words) from error
        if done.exit_code != 0:
            words = done.errors.decode(errors="replace")
            if any(sign in words for sign in _TOO_LARGE):
                raise self._too_large(address)
            raise failure(address.url, words)
        return done.output.decode(errors="replace")

    def _too_large(self, address: Address) -> SourceError:
        words = f"is larger than {self.file_bytes} bytes, or has a file that is"
        return SourceError(SpaceReason.REPOSITORY_REFUSED, f"Repository '{address.url}' {words}.")

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
    """Tell a repository that does not exist from one that cannot be reached now."""
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
