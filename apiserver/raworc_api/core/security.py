"""Passwords and tokens: how they are made, and how they are checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

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
    expires_at: datetime


class Tokens:
    """Signs tokens with the newest key, and checks them with the key that they name."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._keys = dict(keys)
        self._newest = max(self._keys)

    def issue(self, subject: str, seconds: int, audience: str = AUDIENCE) -> Token:
        """Sign that the bearer is ``subject``, for some seconds."""
        now = datetime.now(UTC).replace(microsecond=0)
        expires_at = now + timedelta(seconds=seconds)
        claims = {"iss": ISSUER, "aud": audience, "sub": subject, "iat": now, "exp": expires_at}
        text = jwt.encode(
            claims, self._keys[self._newest], ALGORITHM, headers={"kid": self._newest}
        )
        return Token(text, expires_at)

    def verify(self, text: str, audience: str = AUDIENCE) -> Claims:
        """Return what the token says, or refuse it without saying which check failed."""
        try:
            claims = self._decode(text, audience)
        except (JWTError, KeyError, RecursionError) as error:
            raise UnauthenticatedProblem("The token is not valid, or no longer.") from error
        return Claims(claims["sub"], datetime.fromtimestamp(claims["exp"], UTC))

    def _decode(self, text: str, audience: str) -> dict[str, Any]:
        key = self._keys[str(jwt.get_unverified_header(text).get("kid"))]
        required = {f"require_{name}": True for name in ("iss", "aud", "sub", "iat", "exp")}
        return jwt.decode(
            text, key, algorithms=[ALGORITHM], audience=audience, issuer=ISSUER, options=required
        )


def read_keys(folder: Path) -> dict[str, str]:
    """Read the signing keys: a file's name is the key's id, its content the secret."""
    # A mounted Secret also holds links of its own, which start with a dot.
    files = [file for file in folder.glob("*") if file.is_file() and not file.name.startswith(".")]
    keys = {file.name: file.read_text("utf-8").strip() for file in files}
    if not keys:
        raise SystemExit(f"RAWORC_JWT_KEYS_DIR must hold a key, but '{folder}' has no file.")
    for name, key in keys.items():
        if len(key.encode()) < MIN_KEY_BYTES:
            raise SystemExit(f"The key '{name}' must have at least {MIN_KEY_BYTES} bytes.")
    return keys


def read_admin_password(file: Path) -> str:
    """Read the password of the first administrator."""
    if not file.is_file():
        raise SystemExit(f"RAWORC_ADMIN_PASSWORD_FILE must be a file, but '{file}' is none.")
    password = file.read_text("utf-8").strip()
    if len(password) < MIN_PASSWORD:
        raise SystemExit(f"The administrator's password must have {MIN_PASSWORD} characters.")
    return password
