"""The login that the command line keeps between two calls: an address and its token."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from raworc.errors import LoginRequiredError


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where the API is, and the token that it gave out."""

    url: str
    token: str


def credentials_path(environ: Mapping[str, str]) -> Path:
    """Name the file in which the login lies, after the XDG base directories."""
    home = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "~")).expanduser() / ".config"
    return Path(home) / "raworc" / "credentials.json"


def read_credentials(environ: Mapping[str, str]) -> Credentials:
    """Find the login: RAWORC_URL and RAWORC_TOKEN go before the stored one."""
    stored = _read_stored(credentials_path(environ))
    url = environ.get("RAWORC_URL") or (stored.url if stored else "")
    token = environ.get("RAWORC_TOKEN", "")
    # A stored token is for the API that gave it out; it is not shown to another address.
    if not token and stored and stored.url.rstrip("/") == url.rstrip("/"):
        token = stored.token
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


def _read_stored(path: Path) -> Credentials | None:
    try:
        stored = json.loads(path.read_text())
        return Credentials(url=stored["url"], token=stored["token"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise LoginRequiredError(f"{path} is damaged. Run: raworc login URL") from error
