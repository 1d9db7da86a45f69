"""The tokens of one login, renewed when the API says that they have expired.

A refresh token is good for one use, and using it twice ends the login. So of all threads that share
a ``Login``, and of all processes that share what its ``keeper`` keeps, one renews the tokens while
the others wait, and these go on with the tokens that it got.
"""

from collections.abc import Generator
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import Protocol

import httpx2

from raworc.records import Token

ROOT = "/api/v0"


class Keeper(Protocol):
    """Where processes share the tokens of a login."""

    def locked(self) -> AbstractContextManager[None]:
        """Keep the other processes away from the tokens."""

    def read(self) -> Token | None:
        """Return the tokens that were kept last."""

    def write(self, token: Token) -> None:
        """Keep new tokens."""


class Login(httpx2.Auth):
    """Signs requests with an access token; shared by any number of clients and threads."""

    def __init__(self, token: Token | None = None, keeper: Keeper | None = None) -> None:
        self.token = token
        self._keeper = keeper
        self._lock = Lock()

    def sync_auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Send a request, and once more with new tokens if the ones it had have expired."""
        used = self._sign(request)
        response = yield request
        is_expired = response.status_code == httpx2.codes.UNAUTHORIZED
        if not is_expired or used is None or not used.refresh_token:
            return
        with self._lock, nullcontext() if self._keeper is None else self._keeper.locked():
            if self.token == used and self._keeper is not None:
                self.token = self._keeper.read() or used
            if self.token == used:
                renewed = yield _renewal(request, used.refresh_token)
                renewed.read()
                if renewed.is_error:
                    return
                self._take(Token.model_validate(renewed.json()))
        self._sign(request)
        yield request

    def _sign(self, request: httpx2.Request) -> Token | None:
        token = self.token
        if token is not None:
            request.headers["Authorization"] = f"Bearer {token.token}"
        return token

    def _take(self, token: Token) -> None:
        self.token = token
        if self._keeper is not None:
            self._keeper.write(token)


def _renewal(request: httpx2.Request, refresh_token: str) -> httpx2.Request:
    before, root, _ = request.url.path.partition(ROOT)
    url = request.url.copy_with(path=f"{before}{root}/auth/refresh", query=None)
    return httpx2.Request("POST", url, json={"refresh_token": refresh_token})
