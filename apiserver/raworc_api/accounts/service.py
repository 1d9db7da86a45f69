"""Accounts: who there is, who may see and change them, and that an administrator is left."""

from dataclasses import dataclass
from datetime import UTC, datetime

from raworc_api.accounts import logins, repository, throttle
from raworc_api.accounts.authentication import announce
from raworc_api.accounts.grants import find_standing
from raworc_api.accounts.repository import ADMIN
from raworc_api.accounts.schemas import (
    AccountBody,
    AccountFields,
    AccountView,
    BindingView,
    GrantView,
    MeView,
    PasswordBody,
)
from raworc_api.accounts.tables import Account
from raworc_api.core.database import Database, Transaction, add_unique
from raworc_api.core.pages import Page, PageQuery, cut
from raworc_api.core.permissions import Caller, Grant
from raworc_api.core.problems import (
    ConflictProblem,
    ForbiddenProblem,
    NotFoundProblem,
    UnauthenticatedProblem,
    invalid,
)
from raworc_api.core.rules import shown
from raworc_api.core.security import Passwords
from raworc_api.core.wake import Bus

_RESOURCE = "service-accounts"
# What no password matches.
_NO_PASSWORD = "!"  # noqa: S105 - the absence of one


@dataclass(frozen=True, slots=True)
class AccountService:
    """What callers may do with accounts."""

    database: Database
    passwords: Passwords
    bus: Bus

    def describe(self, caller: Caller) -> MeView:
        """Describe the caller's own account, and what the caller may do."""
        with self.database() as db:
            account = repository.find_account(db, caller.name)
            bindings = repository.list_roles_of(db, caller.name)
        if account is None:
            raise UnauthenticatedProblem("The account of this token is not active.")
        return MeView(
            user=account.name,
            description=account.description,
            created_at=account.created_at,
            role_bindings=[BindingView(role=one.role, space=one.space) for one in bindings],
            rules=[_grant_view(grant) for grant in caller.grants],
            token_rules=None
            if caller.scope is None
            else [_grant_view(grant) for grant in caller.scope],
        )

    def list(self, caller: Caller, asked: PageQuery) -> Page[AccountView]:
        """List accounts by name."""
        _check(caller, "list", None)
        with self.database() as db:
            rows = repository.list_accounts(db, asked.after, asked.limit + 1)
        page, last = cut(rows, asked.limit)
        return Page([account_view(row) for row in page], last.name if last else None)

    def get(self, caller: Caller, name: str) -> AccountView:
        """Show an account: one's own, or with the permission any."""
        check_may(caller, name, "get")
        with self.database() as db:
            return account_view(_present(repository.find_account(db, name), name))

    def create(self, caller: Caller, body: AccountBody) -> AccountView:
        """Create an account, which may do nothing before it is bound to a role."""
        _check(caller, "create", None)
        now = datetime.now(UTC)
        hashed = _NO_PASSWORD if body.password is None else self.passwords.hash(body.password)
        account = Account(
            name=body.user,
            password_hash=hashed,
            description=body.description,
            created_at=now,
            updated_at=now,
        )
        with self.database() as db:
            if not add_unique(db, account):
                gone = repository.find_account(db, body.user) is None
                words = "was deleted; its name is not given again" if gone else "exists already"
                raise ConflictProblem(f"Account '{body.user}' {words}.")
            db.commit()
        return account_view(account)

    def change(self, caller: Caller, name: str, fields: AccountFields) -> AccountView:
        """Describe, disable or enable an account; one that is disabled has no tokens any more."""
        _check(caller, "update", name)
        with self.database() as db:
            repository.lock_admins(db)
            account = _present(repository.lock_account(db, name), name)
            if "description" in fields.model_fields_set:
                account.description = fields.description
            if "active" in fields.model_fields_set:
                account.active = fields.active
                if not fields.active:
                    _end(db, account)
            account.updated_at = datetime.now(UTC)
            check_admin_left(db)
            db.commit()
        announce(self.bus, name)
        return account_view(account)

    def delete(self, caller: Caller, name: str) -> None:
        """Delete an account with its roles, logins and tokens; its name is not given again."""
        _check(caller, "delete", name)
        with self.database() as db:
            repository.lock_admins(db)
            account = _present(repository.lock_account(db, name), name)
            _end(db, account)
            logins.delete_tokens(db, name)
            repository.delete_bindings_of(db, name)
            account.active, account.deleted_at = False, datetime.now(UTC)
            account.password_hash, account.description = _NO_PASSWORD, None
            check_admin_left(db)
            db.commit()
        announce(self.bus, name)

    def set_password(self, caller: Caller, name: str, body: PasswordBody) -> None:
        """Change a password, which ends the logins and the API tokens of the account."""
        if name == ADMIN:
            words = "The password of 'admin' is the one in the Secret of the installation"
            raise ConflictProblem(f"{words}: change it there, and restart the API server.")
        with self.database() as db:
            check_may_act_for(db, caller, name)
            before = _present(repository.find_account(db, name), name).password_hash
        if name == caller.name:
            self._check_current(name, body.current_password or "", before)
        hashed = self.passwords.hash(body.new_password)
        with self.database() as db:
            account = _present(repository.lock_account(db, name), name)
            if account.password_hash != before:
                raise ConflictProblem("The password was changed at the same time.")
            account.password_hash, account.updated_at = hashed, datetime.now(UTC)
            _end(db, account)
            logins.delete_tokens(db, name)
            db.commit()
        announce(self.bus, name)

    def _check_current(self, name: str, password: str, hashed: str) -> None:
        """Demand the password of one's own account, as at a login: a token may be stolen."""
        by = throttle.subjects(name, "its own")
        with self.database() as db:
            throttle.check_failures(db, by, datetime.now(UTC))
        if self.passwords.matches(password, hashed):
            return
        with self.database() as db:
            throttle.count_failure(db, by, datetime.now(UTC))
        raise invalid("/current_password", "must be the password that the account has now")


def account_view(account: Account) -> AccountView:
    """Show an account's record to a caller."""
    return AccountView(
        id=account.name,
        user=account.name,
        description=account.description,
        active=account.active,
        created_at=account.created_at,
        updated_at=account.updated_at or account.created_at,
        last_login_at=account.last_login_at,
    )


def check_admin_left(db: Transaction) -> None:
    """Refuse a change after which nobody administers all spaces; others wait at ``lock_admins``."""
    db.flush()
    if repository.count_admins(db) == 0:
        raise ConflictProblem("Nobody would be left who has the role 'admin' in all spaces.")


def check_may(caller: Caller, name: str, verb: str) -> None:
    """Let callers at their own account, except with a limited token, and others by permission."""
    if not is_own(caller, name):
        _check(caller, verb, name)


def check_may_act_for(db: Transaction, caller: Caller, name: str) -> None:
    """Refuse to give a caller the means to act as an account that may do more than the caller."""
    check_may(caller, name, "update")
    standing = None if is_own(caller, name) else find_standing(db, name)
    if standing is not None and not all(map(caller.holds, standing.grants)):
        raise ForbiddenProblem(f"Account '{name}' may do more than you.")


def is_own(caller: Caller, name: str) -> bool:
    """Say whether it is the caller's own account, and the caller's token is not limited."""
    return name == caller.name and caller.scope is None


def _check(caller: Caller, verb: str, name: str | None) -> None:
    if not caller.may(_RESOURCE, verb, None, name):
        raise ForbiddenProblem(f"You may not {verb} {_RESOURCE}.")


def _present(account: Account | None, name: str) -> Account:
    if account is None or account.deleted_at is not None:
        raise NotFoundProblem(f"There is no account '{name}'.")
    return account


def _end(db: Transaction, account: Account) -> None:
    """End the logins of a locked account; its API tokens only work while it is active."""
    logins.delete_logins(db, account.name)
    account.ended_at = datetime.now(UTC)


def _grant_view(grant: Grant) -> GrantView:
    return GrantView(**shown(grant.rule), space=grant.space)
