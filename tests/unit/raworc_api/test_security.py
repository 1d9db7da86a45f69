from pathlib import Path

import pytest
from jose import jwt

from raworc_api.core.problems import UnauthenticatedProblem
from raworc_api.core.security import (
    AUDIENCE,
    ISSUER,
    PEERS_AUDIENCE,
    SETTLE_SECONDS,
    Keys,
    Passwords,
    Tokens,
    read_admin_password,
    read_keys,
)

OLD, NEW = "o" * 32, "n" * 32
FAR = 4_000_000_000


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords()


def forged(key: str = OLD, kid: object = "1", algorithm: str = "HS256", **claims: object) -> str:
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "iat": 1, "exp": FAR}
    merged = {name: value for name, value in {**good, **claims}.items() if value is not None}
    return jwt.encode(merged, key, algorithm, headers={"kid": kid})


def test_a_token_says_who_and_until_when() -> None:
    token = Tokens(Keys({"1": OLD}.copy)).issue("ann", 60)
    claims = Tokens(Keys({"1": OLD}.copy)).verify(token.text)
    assert (claims.subject, claims.expires_at) == ("ann", token.expires_at)


class Rotation:
    """A Secret that changes, and replicas that see it at times of their own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.files = {"1": OLD}

    def replica(self) -> tuple[Keys, Tokens]:
        keys = Keys(lambda: dict(self.files), lambda: self.now)
        return keys, Tokens(keys)


def test_a_new_key_verifies_at_once_and_signs_when_every_replica_knows_it() -> None:
    rotation = Rotation()
    keys, tokens = rotation.replica()
    rotation.now = SETTLE_SECONDS
    old = tokens.issue("ann", 60).text
    rotation.files["2"] = NEW
    rotation.now += 1
    assert tokens.verify(forged(key=NEW, kid="2")).subject == "ann"
    rotation.now += SETTLE_SECONDS - 1
    assert keys.signing()[0] == "1"
    rotation.now += 1
    assert keys.signing()[0] == "2"
    assert tokens.verify(old).subject == "ann"
    assert Tokens(Keys({"2": NEW}.copy)).verify(tokens.issue("ann", 60).text).subject == "ann"


def test_a_replica_that_starts_in_a_rotation_signs_with_what_the_others_know() -> None:
    rotation = Rotation()
    rotation.files["2"] = NEW
    keys, _ = rotation.replica()
    assert keys.signing()[0] == "1"
    rotation.now = SETTLE_SECONDS
    assert keys.signing()[0] == "2"


def test_a_key_that_was_removed_verifies_no_longer() -> None:
    rotation = Rotation()
    _, tokens = rotation.replica()
    token = tokens.issue("ann", 60).text
    rotation.files = {"2": NEW}
    rotation.now = 30
    with pytest.raises(UnauthenticatedProblem):
        tokens.verify(token)


def test_keys_stay_while_their_files_are_unusable() -> None:
    rotation = Rotation()
    keys, tokens = rotation.replica()
    token = tokens.issue("ann", 60).text

    def broken() -> dict[str, str]:
        raise SystemExit("no key")

    keys._read = broken
    rotation.now = 30
    assert tokens.verify(token).subject == "ann"


@pytest.mark.parametrize(
    "token",
    [
        forged(key=NEW),
        forged(kid="2"),
        forged(kid=["1"]),
        forged(kid=None),
        forged(algorithm="HS512"),
        forged(iss="other"),
        forged(aud="other"),
        forged(aud=PEERS_AUDIENCE),
        forged(exp=1),
        forged(exp=None),
        forged(iss=None),
        forged(aud=None),
        forged(sub=None),
        forged(sub=7),
        "",
        "a.b.c",
        "é",
        ".".join(("W" * 5000, "e30", "x")),
        # The header names "none" as its algorithm, and a key that there is.
        "eyJhbGciOiJub25lIiwia2lkIjoiMSJ9.e30.",
    ],
)
def test_a_token_that_is_not_ours_is_refused(token: str) -> None:
    with pytest.raises(UnauthenticatedProblem):
        Tokens(Keys({"1": OLD}.copy)).verify(token)


def test_a_password_matches_itself_alone(passwords: Passwords) -> None:
    hashed = passwords.hash("correct horse")
    assert hashed.startswith("$argon2id$")
    assert passwords.matches("correct horse", hashed)
    assert not passwords.matches("battery staple", hashed)
    assert not passwords.matches("", hashed)


def test_a_password_is_hashed_as_owasp_recommends(passwords: Passwords) -> None:
    # https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
    assert passwords.hash("a long enough one").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_new_key_settles_for_as_long_as_a_kubelet_may_take() -> None:
    # A minute between syncs, and a minute of the kubelet's cache.
    assert SETTLE_SECONDS >= 120


def test_nobody_has_a_password(passwords: Passwords) -> None:
    assert not passwords.matches("nobody has this password", None)


def test_keys_are_read_without_the_links_of_a_mounted_secret(tmp_path: Path) -> None:
    (tmp_path / "..data").write_text("no key")
    (tmp_path / "2026-01").write_text(OLD + "\n")
    assert read_keys(tmp_path) == {"2026-01": OLD}


@pytest.mark.parametrize("content", [{}, {"1": "x" * 31}])
def test_no_key_and_a_weak_key_are_refused(tmp_path: Path, content: dict[str, str]) -> None:
    for name, key in content.items():
        (tmp_path / name).write_text(key)
    with pytest.raises(SystemExit):
        read_keys(tmp_path)


def test_the_first_administrator_needs_a_password_of_some_length(tmp_path: Path) -> None:
    file = tmp_path / "password"
    with pytest.raises(SystemExit, match="RAWORC_ADMIN_PASSWORD_FILE"):
        read_admin_password(file)
    file.write_text("admin")
    with pytest.raises(SystemExit, match="12"):
        read_admin_password(file)
    file.write_text("a good long password\n")
    assert read_admin_password(file) == "a good long password"
