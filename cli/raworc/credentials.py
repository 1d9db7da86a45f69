"""The login that the command line keeps between two calls: an address and its tokens."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from raworc.errors import LoginRequiredError
from raworc.records import Token


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where the API is, and the tokens that it gave out; an API token needs no refresh token."""

    url: str
    token: str
    refresh_token: str = ""


def credentials_path(environ: Mapping[str, str]) -> Path:
    """Name the file in which the login is kept, after the XDG base directories."""
    home = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "~")).expanduser() / ".config"
    return Path(home) / "raworc" / "credentials.json"


def read_credentials(environ: Mapping[str, str]) -> Credentials:
    """Find the login: RAWORC_URL and RAWORC_TOKEN go before the stored one."""
    stored = _read_stored(credentials_path(environ))
    url = environ.get("RAWORC_URL") or (stored.url if stored else "")
    token = environ.get("RAWORC_TOKEN", "")
    # A stored token is for the API that gave it out; it is not shown to another address.
    if not token and stored and _is_same(stored.url, url):
        return Credentials(url, stored.token, stored.refresh_token)
    if not url or not token:
        raise LoginRequiredError("There is no login. Run: raworc login URL")
    return Credentials(url, token)


def store_credentials(credentials: Credentials, environ: Mapping[str, str]) -> Path:
    """Write the login where only its owner can read it."""
    path = credentials_path(environ)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(credentials), file)
    return draft.replace(path)


def forget_credentials(environ: Mapping[str, str]) -> None:
    """Remove the stored login."""
    credentials_path(environ).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class CredentialsKeeper:
    """Shares the tokens of the stored login with the other processes of its owner."""

    environ: Mapping[str, str]
    url: str

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep the other processes away; the lock ends with the process at the latest."""
        path = credentials_path(self.environ).with_suffix(".lock")
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def read(self) -> Token | None:
        """Return the tokens of the file, if they are still of the same address."""
        stored = _read_stored(credentials_path(self.environ))
        if stored is None or not _is_same(stored.url, self.url):
            return None
        return Token(token=stored.token, refresh_token=stored.refresh_token or None)

    def write(self, token: Token) -> None:
        """Keep new tokens, unless the owner logged out or in elsewhere meanwhile."""
        if self.read() is not None:
            renewed = Credentials(self.url, token.token, token.refresh_token or "")
            store_credentials(renewed, self.environ)


def _is_same(url: str, other: str) -> bool:
    return url.rstrip("/") == other.rstrip("/")


def _read_stored(path: Path) -> Credentials | None:
    try:
        stored = json.loads(path.read_text())
        return Credentials(stored["url"], stored["token"], stored.get("refresh_token", ""))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LoginRequiredError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LoginRequiredError(f"{path} is damaged. Run: raworc login URL") from error
