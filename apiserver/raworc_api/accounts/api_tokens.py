"""API tokens: made for an account, shown once, listed with their last use, revoked."""

from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_urlsafe
from uuid import uuid4

from raworc_api.accounts import logins, repository
from raworc_api.accounts.authentication import API_TOKEN_PREFIX, announce, hashed_secret
from raworc_api.accounts.schemas import ApiTokenBody, ApiTokenView, NewApiTokenView
from raworc_api.accounts.service import check_may, check_may_act_for
from raworc_api.accounts.tables import ApiToken
from raworc_api.core.database import Database, Transaction
from raworc_api.core.pages import Page, PageQuery, cut
from raworc_api.core.permissions import Caller
from raworc_api.core.problems import ConflictProblem, NotFoundProblem, invalid
from raworc_api.core.rules import rule_views
from raworc_api.core.wake import Bus

_MOST_TOKENS = 100
# Enough to know a token by, and of no use to guess it.
_SHOWN = len(API_TOKEN_PREFIX) + 6


@dataclass(frozen=True, slots=True)
class ApiTokenService:
    """What callers may do with the API tokens of an account, their own or another."""

    database: Database
    bus: Bus

    def list(self, caller: Caller, account: str, asked: PageQuery) -> Page[ApiTokenView]:
        """List the tokens of an account by name."""
        with self.database() as db:
            _check_account(db, caller, account, "get")
            rows = logins.list_tokens(db, account, asked.after, asked.limit + 1)
        page, last = cut(rows, asked.limit)
        return Page([_view(row) for row in page], last.name if last else None)

    def create(self, caller: Caller, account: str, body: ApiTokenBody) -> NewApiTokenView:
        """Make a token, and show it this once."""
        now, text = datetime.now(UTC), API_TOKEN_PREFIX + token_urlsafe(32)
        if body.expires_at is not None and body.expires_at <= now:
            raise invalid("/expires_at", "must be in the future")
        with self.database() as db:
            # Who holds the account's row is alone with its tokens.
            repository.lock_account(db, account)
            _check_account(db, caller, account, "update")
            check_may_act_for(db, caller, account)
            logins.delete_expired_tokens(db, account, now)
            _check_room(db, account, body.name)
            token = _new_token(caller, account, body, text, now)
            db.add(token)
            db.commit()
        return NewApiTokenView(**dict(_view(token)), token=text)

    def revoke(self, caller: Caller, account: str, name: str) -> None:
        """Revoke a token."""
        with self.database() as db:
            locked = repository.lock_account(db, account)
            _check_account(db, caller, account, "update")
            token = logins.find_named_token(db, account, name)
            if token is None or locked is None:
                raise NotFoundProblem(f"Account '{account}' has no token '{name}'.")
            db.delete(token)
            locked.ended_at = datetime.now(UTC)
            db.commit()
        announce(self.bus, account)


def _check_account(db: Transaction, caller: Caller, account: str, verb: str) -> None:
    check_may(caller, account, verb)
    if repository.find_account(db, account) is None:
        raise NotFoundProblem(f"There is no account '{account}'.")


def _check_room(db: Transaction, account: str, name: str) -> None:
    if logins.find_named_token(db, account, name) is not None:
        raise ConflictProblem(f"Account '{account}' has a token '{name}' already.")
    if len(logins.list_tokens(db, account, None, _MOST_TOKENS)) == _MOST_TOKENS:
        raise ConflictProblem(f"An account may have {_MOST_TOKENS} tokens; revoke one first.")


def _new_token(
    caller: Caller, account: str, body: ApiTokenBody, text: str, now: datetime
) -> ApiToken:
    rules = None if body.rules is None else [rule.model_dump() for rule in body.rules]
    return ApiToken(
        id=str(uuid4()),
        account=account,
        name=body.name,
        secret_hash=hashed_secret(text),
        prefix=text[:_SHOWN],
        rules=rules,
        spaces=body.spaces,
        created_by=caller.name,
        created_at=now,
        expires_at=body.expires_at,
    )


def _view(token: ApiToken) -> ApiTokenView:
    return ApiTokenView(
        name=token.name,
        prefix=token.prefix,
        rules=None if token.rules is None else rule_views(token.rules),
        spaces=token.spaces,
        created_by=token.created_by,
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
    )
