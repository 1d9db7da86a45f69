"""The way to the API: one request, or all pages of a list; refusals in the API's own words."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx2

from raworc.errors import InvalidNameError, LoginRequiredError, UnreachableError, refusal
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
        if not isinstance(token, Login):
            token = Login(Token(token=token) if token else None)
        self.access = token
        self._http = httpx2.Client(
            base_url=f"{url.rstrip('/')}{ROOT}",
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
        with reaching(self._http.base_url):
            response = self._http.request(
                method,
                path,
                json=body,
                params={name: value for name, value in (query or {}).items() if value is not None},
                headers={"Idempotency-Key": key} if key else {},
            )
        return refuse(response)

    def _get(self, path: str) -> Any:  # noqa: ANN401 - JSON, made into a record by the caller
        return self.request("GET", path).json()

    def _post(
        self, path: str, body: Mapping[str, Any] | None = None, key: str | None = None
    ) -> Any:  # noqa: ANN401 - as above
        return self.request("POST", path, body or {}, key=key).json()

    def _list(self, path: str, query: Query | None = None) -> Iterator[Any]:
        page = self.request("GET", path, query=query)
        yield from page.json()
        while following := page.links.get("next", {}).get("url"):
            # Only the cursor is taken from the link: the API may stand behind another address.
            page = self.request("GET", path, query=dict(httpx2.URL(following).params))
            yield from page.json()


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
    return response


@contextmanager
def reaching(url: httpx2.URL) -> Iterator[None]:
    """Say of an API that does not answer which one it is."""
    try:
        yield
    except httpx2.TransportError as error:
        raise UnreachableError(f"No answer from {url.host}: {error}") from error
