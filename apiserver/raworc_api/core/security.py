"""Passwords and tokens: how they are made, and how they are checked."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from jose import JWTError, jwt
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from raworc_api.core.problems import UnauthenticatedProblem

ISSUER = "raworc"
AUDIENCE = "raworc"
PEERS_AUDIENCE = "raworc-peers"
ALGORITHM = "HS256"
MIN_KEY_BYTES = 32
MIN_PASSWORD = 12
# The kubelet brings a changed Secret within its sync period (one minute) and the life of its cache.
SETTLE_SECONDS = 180.0
_READ_SECONDS = 10.0
# Tokens that name unknown keys cost anyone nothing, so they may not cost much here.
_READ_AGAIN_SECONDS = 1.0

_TIMES = ("iat", "exp")

logger = logging.getLogger(__name__)

# OWASP's first choice for argon2id; each hash that is being computed holds this much memory.
_HASHER = Argon2Hasher(memory_cost=19 * 1024, time_cost=2, parallelism=1)


class Passwords:
    """Hashes passwords and checks them; who calls sees to it that these are few at a time."""

    def __init__(self) -> None:
        self._hash = PasswordHash((_HASHER,))
        # What an unknown account is checked against, so that it takes as long as a known one.
        self._nobody = self._hash.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """Hash a password for keeping."""
        return self._hash.hash(password)

    def matches(self, password: str, hashed: str | None) -> bool:
        """Say whether it is the password; no account at all takes as long to refuse."""
        known = hashed if hashed is not None and _HASHER.identify(hashed) else None
        is_same = self._hash.verify(password, known or self._nobody)
        return is_same and known is not None


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and when it ends."""

    text: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good token says."""

    subject: str
    issued_at: datetime
    expires_at: datetime
    login_id: str | None = None


class Keys:
    """The signing keys by their ids, as ``read`` finds them now.

    A mounted Secret changes while the server runs, and reaches the replicas up to two minutes
    apart. So the files are read again every few seconds (and at once for an id that is unknown),
    every known key verifies, and a key signs only when this process has known it for
    longer than that: the newest such key, or the oldest of all where there is none. Files carry no
    age that would help: Kubernetes writes all of them anew whenever one changes.
    """

    def __init__(
        self, read: Callable[[], Mapping[str, str]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._clock = clock
        self._read_at = clock()
        self._keys = read()
        self._known_since = dict.fromkeys(self._keys, self._read_at)

    def signing(self) -> tuple[str, str]:
        """Return the id and the secret of the key to sign with."""
        keys, since = self._current(_READ_SECONDS), self._known_since
        settled = [name for name in keys if self._clock() - since[name] >= SETTLE_SECONDS]
        name = max(settled, default=min(keys))
        return name, keys[name]

    def verifying(self, name: str) -> str | None:
        """Return the secret of a key."""
        key = self._current(_READ_SECONDS).get(name)
        return key if key is not None else self._current(_READ_AGAIN_SECONDS).get(name)

    def _current(self, seconds: float) -> Mapping[str, str]:
        now = self._clock()
        if now - self._read_at < seconds:
            return self._keys
        self._read_at = now
        try:
            keys = self._read()
        except (SystemExit, OSError) as error:
            logger.error("The signing keys stay as they were: %s", error)  # noqa: TRY400 - no fault of ours
            return self._keys
        # Whoever reads these two in another thread finds every key in the second.
        self._known_since = {name: self._known_since.get(name, now) for name in keys}
        self._keys = keys
        return keys


class Tokens:
    """Signs tokens, and checks them with the key that they name."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def issue(
        self,
        subject: str,
        seconds: int,
        audience: str = AUDIENCE,
        *,
        login_id: str | None = None,
    ) -> Token:
        """Sign that the bearer is ``subject`` (by a login), for some seconds."""
        now = datetime.now(UTC).replace(microsecond=0)
        expires_at = now + timedelta(seconds=seconds)
        claims = {
            "iss": ISSUER,
            "aud": audience,
            "sub": subject,
            "iat": now,
            "exp": expires_at,
            # Two tokens of one second differ, as what is known of a token is kept by its text.
            "jti": uuid4().hex,
        }
        if login_id is not None:
            claims["sid"] = login_id
        name, key = self._keys.signing()
        return Token(jwt.encode(claims, key, ALGORITHM, headers={"kid": name}), expires_at)

    def verify(self, text: str, audience: str = AUDIENCE) -> Claims:
        """Return what the token says, or refuse it without saying which check failed."""
        try:
            claims = self._decode(text, audience)
        except (JWTError, KeyError, RecursionError) as error:
            raise UnauthenticatedProblem("The token is invalid or has expired.") from error
        issued_at, expires_at = (datetime.fromtimestamp(claims[name], UTC) for name in _TIMES)
        login_id = claims.get("sid")
        return Claims(claims["sub"], issued_at, expires_at, login_id and str(login_id))

    def _decode(self, text: str, audience: str) -> dict[str, Any]:
        key = self._keys.verifying(str(jwt.get_unverified_header(text).get("kid")))
        if key is None:
            raise JWTError("The token was signed with an unknown key.")
        required = {f"require_{name}": True for name in ("iss", "aud", "sub", "iat", "exp")}
        return jwt.decode(
            text, key, algorithms=[ALGORITHM], audience=audience, issuer=ISSUER, options=required
        )


def read_keys(folder: Path) -> dict[str, str]:
    """Read the signing keys of a folder, or say what is wrong with them."""
    # A mounted Secret also holds links of its own, which start with a dot.
    files = [file for file in folder.glob("*") if file.is_file() and not file.name.startswith(".")]
    keys = {file.name: file.read_text("utf-8").strip() for file in files}
    if not keys:
        raise SystemExit(f"RAWORC_JWT_KEYS_DIR must contain a key, but '{folder}' has no files.")
    for name, key in keys.items():
        if len(key.encode()) < MIN_KEY_BYTES:
            raise SystemExit(f"The key '{name}' must have at least {MIN_KEY_BYTES} bytes.")
    return keys


def read_admin_password(file: Path) -> str:
    """Read the password of the first administrator."""
    if not file.is_file():
        raise SystemExit(f"RAWORC_ADMIN_PASSWORD_FILE must be a file, but '{file}' is not a file.")
    password = file.read_text("utf-8").strip()
    if len(password) < MIN_PASSWORD:
        raise SystemExit(f"The administrator's password must have {MIN_PASSWORD} characters.")
    return password
