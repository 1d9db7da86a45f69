"""Who is there: logging in, refreshing and ending a login, and knowing a caller by the token.

An access token is signed, lasts for minutes and names its login. A login is a row with the hash of
its newest refresh token: each refresh changes it, so one that comes twice was copied, and its login
ends. Who a token speaks for is read from the database, where a login or an API token that was ended
is gone, and is believed for ``KEPT_SECONDS``: less when the replica hears that something changed,
and never more. Whoever changes an account locks its row before rows of its logins (decision 0037).
"""

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from secrets import token_urlsafe
from uuid import uuid4

from raworc_api.accounts import logins, repository, throttle
from raworc_api.accounts.grants import Standing, find_standing, parse_rules
from raworc_api.accounts.repository import ADMIN
from raworc_api.accounts.tables import Account, ApiToken, Login, RoleBinding
from raworc_api.core.cache import ExpiringCache
from raworc_api.core.database import Database, Transaction
from raworc_api.core.permissions import Caller, Grant, Proof, ProofKind, Rule
from raworc_api.core.problems import UnauthenticatedProblem
from raworc_api.core.security import Passwords, Token, Tokens
from raworc_api.core.wake import Bus, account_topic

# A login that is not refreshed for so long is over.
LOGIN_LIFE = timedelta(days=30)
API_TOKEN_PREFIX = "rwc_"  # noqa: S105 - what such tokens begin with
REFRESH_TOKEN_PREFIX = "rwr_"  # noqa: S105 - the same
# How long this replica may not have heard that a token or a right ended.
KEPT_SECONDS = 3.0
_KEPT_CALLERS = 16_384
# Said of a token at most so often.
_USED_AGAIN = timedelta(minutes=1)
_ENDLESS = datetime.max.replace(tzinfo=UTC)
ACCOUNTS_TOPIC = "accounts"

_INVALID = "The token is invalid or has expired."


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a login gives: a token for requests, and one for the next of these."""

    access: Token
    refresh: Token


@dataclass(frozen=True, slots=True)
class Authentication:
    """Who may log in, and who a token speaks for."""

    database: Database
    passwords: Passwords
    tokens: Tokens
    bus: Bus
    token_seconds: int
    kept: ExpiringCache[Caller] = field(
        default_factory=lambda: ExpiringCache(_KEPT_CALLERS, time.monotonic)
    )

    def __post_init__(self) -> None:
        """Forget who is known as soon as any account changes, here or in another replica."""
        self.bus.listen(ACCOUNTS_TOPIC, self.kept.clear)

    def login(self, name: str, password: str, address: str) -> TokenPair:
        """Begin a login for a name and its password."""
        by = throttle.subjects(name, address)
        with self.database() as db:
            throttle.check_failures(db, by, datetime.now(UTC))
            account = repository.find_account(db, name)
        hashed = account.password_hash if account and account.active else None
        is_right = self.passwords.matches(password, hashed)
        with self.database() as db:
            pair = self._begin(db, name, hashed) if is_right else None
            if pair is None:
                throttle.count_failure(db, by, datetime.now(UTC))
                raise UnauthenticatedProblem("The name or the password is wrong.")
            db.commit()
        return pair

    def refresh(self, text: str) -> TokenPair:
        """Continue a login; a refresh token that was used before ends it."""
        login_id, _, secret = text.removeprefix(REFRESH_TOKEN_PREFIX).partition(".")
        with self.database() as db:
            known = logins.find_login(db, login_id)
            account = repository.lock_account(db, known.account) if known else None
            login = logins.lock_login(db, login_id) if account else None
            now = datetime.now(UTC)
            if account is None or login is None or not account.active or login.expires_at <= now:
                raise UnauthenticatedProblem(_INVALID)
            is_newest = compare_digest(login.secret_hash, hashed_secret(secret))
            pair = self._renew(login, now) if is_newest else None
            if pair is None:
                logins.delete_login(db, login.id)
                account.ended_at = now
            db.commit()
        if pair is None:
            announce(self.bus, account.name)
            raise UnauthenticatedProblem("The token was used before: log in again.")
        return pair

    def logout(self, caller: Caller) -> None:
        """End the login that the caller's token is of."""
        if caller.proof is None or caller.proof.kind is not ProofKind.LOGIN:
            return
        with self.database() as db:
            account = repository.lock_account(db, caller.name)
            if account is not None and logins.delete_login(db, caller.proof.id):
                account.ended_at = datetime.now(UTC)
            db.commit()
        announce(self.bus, caller.name)

    def known(self, token: str) -> Caller | None:
        """Return who bears a token, if that was read a moment ago."""
        kept = self.kept.get(hashed_secret(token))
        return None if kept is None else kept[0]

    def caller(self, token: str) -> Caller:
        """Say who bears a token; what was ended, disabled or removed proves nothing any more."""
        caller = self._read(token)
        left = (caller.expires_at - datetime.now(UTC)).total_seconds()
        self.kept.put(hashed_secret(token), caller, min(KEPT_SECONDS, left))
        return caller

    def renew(self, caller: Caller) -> Caller:
        """Look again at a caller who stays for long: rights may end in between."""
        if caller.expires_at <= datetime.now(UTC):
            raise UnauthenticatedProblem(_INVALID)
        with self.database() as db:
            if caller.proof is not None and caller.proof.kind is ProofKind.API_TOKEN:
                return _bearer(db, logins.find_token_by_id(db, caller.proof.id))
            standing = _checked(db, caller.name, caller.proof)
        if caller.proof is None and standing.ended_at != caller.ended_at:
            raise UnauthenticatedProblem(_INVALID)
        return replace(caller, grants=standing.grants, ended_at=standing.ended_at)

    def ensure_admin(self, password: str) -> None:
        """Make sure that ``admin`` has this password, and that there is an administrator."""
        now = datetime.now(UTC)
        with self.database() as db:
            repository.lock_admins(db)
            hashed = self.passwords.hash(password)
            account = Account(name=ADMIN, password_hash=hashed, created_at=now)
            repository.ensure_account(db, account)
            known = repository.lock_account(db, ADMIN) or account
            if not self.passwords.matches(password, known.password_hash):
                known.password_hash, known.ended_at = hashed, now
                logins.delete_logins(db, ADMIN)
            if repository.count_admins(db) == 0:
                known.active, known.deleted_at = True, None
                if not repository.has_binding(db, ADMIN, ADMIN):
                    db.add(RoleBinding(principal=ADMIN, role=ADMIN, created_at=now))
            db.commit()

    def _begin(self, db: Transaction, name: str, hashed: str | None) -> TokenPair | None:
        """Begin a login, unless the password changed or the account ended while it was checked."""
        account, now = repository.lock_account(db, name), datetime.now(UTC)
        if account is None or not account.active or account.password_hash != hashed:
            return None
        account.last_login_at = now
        logins.delete_expired(db, name, now)
        login = Login(id=str(uuid4()), account=name, secret_hash="", created_at=now, expires_at=now)
        pair = self._renew(login, now)
        logins.add_login(db, login)
        return pair

    def _renew(self, login: Login, now: datetime) -> TokenPair:
        secret = token_urlsafe(32)
        login.secret_hash, login.expires_at = hashed_secret(secret), now + LOGIN_LIFE
        access = self.tokens.issue(login.account, self.token_seconds, login_id=login.id)
        return TokenPair(
            access, Token(f"{REFRESH_TOKEN_PREFIX}{login.id}.{secret}", login.expires_at)
        )

    def _read(self, token: str) -> Caller:
        if token.startswith(API_TOKEN_PREFIX):
            with self.database() as db:
                return _bearer(db, logins.find_token(db, hashed_secret(token)))
        claims = self.tokens.verify(token)
        proof = None if claims.login_id is None else Proof(ProofKind.LOGIN, claims.login_id)
        with self.database() as db:
            standing = _checked(db, claims.subject, proof)
        # A replica of the version before signs tokens without a login; these end with any other.
        is_ended = standing.ended_at is not None and claims.issued_at <= standing.ended_at
        if proof is None and is_ended:
            raise UnauthenticatedProblem(_INVALID)
        return Caller(
            claims.subject,
            standing.grants,
            claims.expires_at,
            proof=proof,
            ended_at=standing.ended_at,
        )


def hashed_secret(text: str) -> str:
    """Reduce a token to what is kept of it; nobody can guess one, so no salt is needed."""
    return sha256(text.encode()).hexdigest()


def announce(bus: Bus, name: str) -> None:
    """Say that an account's logins, tokens or rights changed; to be called after the commit."""
    bus.publish(ACCOUNTS_TOPIC)
    bus.publish(account_topic(name))


def token_scope(token: ApiToken) -> tuple[Grant, ...] | None:
    """Return what an API token is limited to."""
    if token.rules is None and token.spaces is None:
        return None
    everything = Rule(*[frozenset({"*"})] * 3)
    rules = [everything] if token.rules is None else parse_rules(token.rules)
    spaces: list[str | None] = [None] if token.spaces is None else [*token.spaces]
    return tuple(Grant(rule, space) for rule in rules for space in spaces)


def _bearer(db: Transaction, token: ApiToken | None) -> Caller:
    now = datetime.now(UTC)
    if token is None or (token.expires_at is not None and token.expires_at <= now):
        raise UnauthenticatedProblem(_INVALID)
    standing = _checked(db, token.account, None)
    caller = Caller(
        token.account,
        standing.grants,
        token.expires_at or _ENDLESS,
        token_scope(token),
        Proof(ProofKind.API_TOKEN, token.id),
        standing.ended_at,
    )
    if token.last_used_at is None or now - token.last_used_at > _USED_AGAIN:
        token.last_used_at = now
        db.commit()
    return caller


def _checked(db: Transaction, name: str, proof: Proof | None) -> Standing:
    """Return how an account stands, if it is active and the login, if there is one, goes on."""
    standing = find_standing(db, name, proof.id if proof else None)
    if standing is None or not standing.active:
        raise UnauthenticatedProblem("The account of this token is not active.")
    if proof is not None and not standing.is_logged_in:
        raise UnauthenticatedProblem(_INVALID)
    return standing
