"""Reads and writes logins and API tokens, which prove an account."""

from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from raworc_api.accounts.tables import ApiToken, Login


def add_login(db: Session, login: Login) -> None:
    """Add a login."""
    db.add(login)


def find_login(db: Session, login_id: str) -> Login | None:
    """Find a login by its id."""
    return db.get(Login, login_id)


def lock_login(db: Session, login_id: str) -> Login | None:
    """Lock a login; whoever does has locked its account before."""
    return db.exec(select(Login).where(Login.id == login_id).with_for_update()).first()


def delete_login(db: Session, login_id: str) -> bool:
    """End a login; say whether it was there."""
    return db.connection().execute(delete(Login).where(col(Login.id) == login_id)).rowcount == 1


def delete_logins(db: Session, account: str) -> None:
    """End every login of an account."""
    db.connection().execute(delete(Login).where(col(Login.account) == account))


def delete_expired(db: Session, account: str, now: datetime) -> None:
    """Forget the logins of an account that expired."""
    expired = delete(Login).where(col(Login.account) == account, col(Login.expires_at) <= now)
    db.connection().execute(expired)


def find_token(db: Session, secret_hash: str) -> ApiToken | None:
    """Find an API token by the hash of its text."""
    return db.exec(select(ApiToken).where(ApiToken.secret_hash == secret_hash)).first()


def find_token_by_id(db: Session, token_id: str) -> ApiToken | None:
    """Find an API token by its id."""
    return db.get(ApiToken, token_id)


def find_named_token(db: Session, account: str, name: str) -> ApiToken | None:
    """Find an API token of an account by its name."""
    wanted = select(ApiToken).where(ApiToken.account == account, ApiToken.name == name)
    return db.exec(wanted).first()


def list_tokens(db: Session, account: str, after: str | None, limit: int) -> list[ApiToken]:
    """List the API tokens of an account by name."""
    wanted = select(ApiToken).where(ApiToken.account == account)
    if after is not None:
        wanted = wanted.where(col(ApiToken.name) > after)
    return list(db.exec(wanted.order_by(col(ApiToken.name)).limit(limit)).all())


def delete_expired_tokens(db: Session, account: str, now: datetime) -> None:
    """Forget the API tokens of an account that expired."""
    expired = delete(ApiToken).where(col(ApiToken.account) == account)
    db.connection().execute(expired.where(col(ApiToken.expires_at) <= now))


def delete_tokens(db: Session, account: str) -> None:
    """Revoke every API token of an account."""
    db.connection().execute(delete(ApiToken).where(col(ApiToken.account) == account))
