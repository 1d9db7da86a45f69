"""Logging in, knowing a caller by the token, and the first administrator."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from raworc_api.accounts import repository
from raworc_api.accounts.schemas import AccountView
from raworc_api.accounts.tables import Account
from raworc_api.core.database import Database, Transaction
from raworc_api.core.permissions import Caller, Grant, Rule
from raworc_api.core.problems import UnauthenticatedProblem
from raworc_api.core.security import Passwords, Token, Tokens

ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class AccountService:
    """Who may log in, and who a token speaks for."""

    database: Database
    passwords: Passwords
    tokens: Tokens
    token_seconds: int

    def login(self, name: str, password: str) -> Token:
        """Give a token for a name and its password."""
        with self.database() as db:
            account = repository.find_account(db, name)
        hashed = account.password_hash if account and account.active else None
        if not self.passwords.matches(password, hashed) or account is None:
            raise UnauthenticatedProblem("The name or the password is wrong.")
        return self.tokens.issue(account.name, self.token_seconds)

    def caller(self, token: str) -> Caller:
        """Say who bears a token; an account that was disabled or removed has none any more."""
        claims = self.tokens.verify(token)
        return self._load(claims.subject, claims.expires_at)

    def renew(self, caller: Caller) -> Caller:
        """Look again at a caller who stays for long: rights may end in between."""
        if caller.expires_at <= datetime.now(UTC):
            raise UnauthenticatedProblem("The token is invalid or has expired.")
        return self._load(caller.name, caller.expires_at)

    def describe(self, caller: Caller) -> AccountView:
        """Describe the caller's own account."""
        with self.database() as db:
            account = repository.find_account(db, caller.name)
        if account is None:
            raise UnauthenticatedProblem("The account of this token is not active.")
        return AccountView(user=account.name, created_at=account.created_at)

    def ensure_admin(self, password: str) -> None:
        """Make sure that there is an administrator who has this password."""
        now = datetime.now(UTC)
        with self.database() as db:
            hashed = self.passwords.hash(password)
            account = Account(name=ADMIN, password_hash=hashed, created_at=now)
            repository.add_account(db, account)
            known = repository.lock_account(db, ADMIN)
            if not self.passwords.matches(password, known.password_hash):
                known.password_hash = hashed
            if not repository.has_binding(db, ADMIN, ADMIN):
                repository.add_binding(db, ADMIN, ADMIN)
            db.commit()

    def _load(self, name: str, expires_at: datetime) -> Caller:
        with self.database() as db:
            found = repository.find_granted(db, name)
        if found is None or not found.active:
            raise UnauthenticatedProblem("The account of this token is not active.")
        return Caller(found.name, _grants(found), expires_at)


def list_grants(db: Transaction, names: Sequence[str]) -> dict[str, tuple[Grant, ...]]:
    """Return what accounts may do; one that is gone or disabled is not among them."""
    found = repository.list_granted(db, names)
    return {account.name: _grants(account) for account in found if account.active}


def _grants(account: repository.GrantedAccount) -> tuple[Grant, ...]:
    granted = ((one.space, rule) for one in account.granted for rule in parse_rules(one.rules))
    return tuple(Grant(rule, space) for space, rule in granted)


def parse_rules(rules: Iterable[Mapping[str, Any]]) -> list[Rule]:
    """Read the rules of a role; what a rule leaves out, it does not allow."""
    return [
        Rule(
            resources=frozenset(rule.get("resources") or ()),
            verbs=frozenset(rule.get("verbs") or ()),
            api_groups=frozenset(rule.get("api_groups") or ()),
            resource_names=frozenset(rule.get("resource_names") or ()),
        )
        for rule in rules
    ]
