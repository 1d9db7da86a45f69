"""Holds back who guesses passwords, by the account, the address, and both together.

Failed logins are counted in the database, so that all replicas count as one. One address may try
one account a few times in a window. That an account as a whole, or an address as a whole, may fail
more often keeps a stranger from locking an account's owner out, and one user of a shared address
all others. Unknown accounts are counted as known ones are.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_network

from fastapi import Request
from sqlalchemy import delete, func, literal
from sqlalchemy.dialects.mysql import insert
from sqlmodel import Session, col, select

from raworc_api.accounts.tables import LoginFailures
from raworc_api.core.database import UtcDateTime
from raworc_api.core.problems import TooManyProblem

WINDOW = timedelta(minutes=5)
MOST_TOGETHER = 10
MOST_ALONE = 100
# An IPv6 customer usually has so much of an address to choose the rest of.
_IPV6_PREFIX = 64
# Expired counts that go with each new one, so that the table does not grow.
_CLEARED = 10

Subjects = dict[str, int]


def subjects(account: str, address: str) -> Subjects:
    """Name what a login is counted by, each with the failures that a window allows."""
    return {
        _hashed("both", account, address): MOST_TOGETHER,
        _hashed("account", account): MOST_ALONE,
        _hashed("address", address): MOST_ALONE,
    }


def check_failures(db: Session, by: Subjects, now: datetime) -> None:
    """Refuse to look at a password where too many were wrong."""
    found = select(LoginFailures).where(col(LoginFailures.subject_hash).in_(by))
    full = [row for row in db.exec(found) if row.ends_at > now]
    waits = [
        int((row.ends_at - now).total_seconds()) + 1
        for row in full
        if row.failures >= by[row.subject_hash]
    ]
    if waits:
        words = "Too many wrong passwords; try again later."
        raise TooManyProblem(words, retry_after=max(waits))


def count_failure(db: Session, by: Iterable[str], now: datetime) -> None:
    """Count a failed login; the first one begins a window."""
    # In one order, so that two of them never wait for each other.
    for subject in sorted(by):
        row = insert(LoginFailures).values(subject_hash=subject, failures=1, ends_at=now + WINDOW)
        is_over, ends_at = col(LoginFailures.ends_at) <= now, literal(now + WINDOW, UtcDateTime())
        counted = row.on_duplicate_key_update(
            [
                ("failures", func.if_(is_over, 1, col(LoginFailures.failures) + 1)),
                ("ends_at", func.if_(is_over, ends_at, col(LoginFailures.ends_at))),
            ]
        )
        db.connection().execute(counted)
    db.commit()
    over = delete(LoginFailures).where(col(LoginFailures.ends_at) <= now)
    db.connection().execute(over.with_dialect_options(mysql_limit=_CLEARED))
    db.commit()


def caller_address(request: Request) -> str:
    """Say where a request comes from, as the proxy in front of this server saw it.

    Only the last address of the header is the proxy's word; what precedes it, anyone can write.
    Who asks without a proxy can write that one, too, and is held back by the account alone.
    """
    peer = request.client.host if request.client else ""
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
    return f"{_network(peer)} {_network(forwarded)}"


def _network(address: str) -> str:
    try:
        network = ip_network(address)
    except ValueError:
        return address[:64]
    return str(network.supernet(new_prefix=_IPV6_PREFIX) if network.version == 6 else network)  # noqa: PLR2004 - IPv6


def _hashed(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()
