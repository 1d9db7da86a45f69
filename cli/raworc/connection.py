"""The way to the API: one request, or all pages of a list; refusals in the API's own words."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx2

from raworc.errors import (
    InvalidNameError,
    LoginRequiredError,
    UnexpectedAnswerError,
    UnreachableError,
    refusal,
)
from raworc.login import ROOT, Login
from raworc.records import Token
from raworc.transport import ReliableTransport

TIMEOUT = httpx2.Timeout(10, read=30)

Query = Mapping[str, str | int | None]


class Connection:
    """A caller of one API, with an API token or with a login that renews itself.

    Clients that share a ``Login`` renew it together.
    """

    def __init__(
        self,
        url: str,
        token: str | Login | None = None,
        *,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        if isinstance(token, str) and not token.isascii():
            raise LoginRequiredError("The token has characters that no token has.")
        if not isinstance(token, Login):
            token = Login(Token(token=token) if token else None)
        self.access = token
        self._http = httpx2.Client(
            base_url=_root(url),
            auth=token,
            timeout=TIMEOUT,
            transport=ReliableTransport(transport),
        )

    def __enter__(self) -> Self:
        """Open nothing: connections are made by the requests."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the connections to the API."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Query | None = None,
        key: str | None = None,
    ) -> httpx2.Response:
        """Send one request to a path below the root of the API."""
        with reaching(self._http.base_url), _encoding():
            response = self._http.request(
                method,
                path,
                json=body,
                params={name: value for name, value in (query or {}).items() if value is not None},
                headers={"Idempotency-Key": key} if key else {},
            )
        return refuse(response)

    def _get(self, path: str) -> Any:  # noqa: ANN401 - JSON, made into a record by the caller
        return _content(self.request("GET", path))

    def _post(
        self, path: str, body: Mapping[str, Any] | None = None, key: str | None = None
    ) -> Any:  # noqa: ANN401 - as above
        return _content(self.request("POST", path, body or {}, key=key))

    def _list(self, path: str, query: Query | None = None) -> Iterator[Any]:
        page = self.request("GET", path, query=query)
        yield from _items(page)
        while following := page.links.get("next", {}).get("url"):
            # Only the cursor is taken from the link: the API may stand behind another address.
            page = self.request("GET", path, query=dict(httpx2.URL(following).params))
            yield from _items(page)


def _root(url: str) -> httpx2.URL:
    try:
        root = httpx2.URL(f"{url.rstrip('/')}{ROOT}")
    except httpx2.InvalidURL as error:
        raise InvalidNameError(f"'{url}' is not a URL: {error}") from error
    if root.scheme not in {"http", "https"} or not root.host:
        raise InvalidNameError(f"'{url}' must begin with http:// or https:// and name a host.")
    return root


def _content(response: httpx2.Response) -> Any:  # noqa: ANN401 - JSON
    try:
        return response.json()
    except ValueError as error:
        raise _unexpected(response) from error


def _items(response: httpx2.Response) -> list[Any]:
    content = _content(response)
    if not isinstance(content, list):
        raise _unexpected(response)
    return content


def _unexpected(response: httpx2.Response) -> UnexpectedAnswerError:
    where = response.headers.get("Location")
    hint = f"; it leads to {where}" if where else ""
    return UnexpectedAnswerError(
        f"{response.url} answered with status {response.status_code} and nothing that the API "
        f"would say{hint}. Check the URL."
    )


def path(*parts: str) -> str:
    """Put the parts of a path together, each escaped."""
    for part in parts:
        # An address with these leads somewhere else.
        if part in {"", ".", ".."}:
            raise InvalidNameError(f"'{part}' is not a name.")
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def refuse(response: httpx2.Response) -> httpx2.Response:
    """Return an answer, or raise the refusal that it is."""
    if response.is_error:
        response.read()
        problem = refusal(response)
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            raise LoginRequiredError(f"{problem}\nLog in again: raworc login URL")
        raise problem
    if response.is_redirect:
        raise _unexpected(response)
    return response


@contextmanager
def _encoding() -> Iterator[None]:
    try:
        yield
    except UnicodeEncodeError as error:
        raise InvalidNameError("What is sent must be text in UTF-8.") from error


@contextmanager
def reaching(url: httpx2.URL) -> Iterator[None]:
    """Say of an API that does not answer which one it is."""
    try:
        yield
    except httpx2.TransportError as error:
        raise UnreachableError(f"No answer from {url.host}: {error}") from error
