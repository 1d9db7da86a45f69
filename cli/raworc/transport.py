"""The way of a request to the API: what may be sent twice is sent again on a broken connection."""

import httpx2

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
ATTEMPTS = 3
# A connection that could not be made has carried nothing, so any request may try again; httpx2
# waits between these tries.
CONNECTS = 2


class ReliableTransport(httpx2.BaseTransport):
    """Repeats a request whose connection broke, if a repetition does no harm."""

    def __init__(self, transport: httpx2.BaseTransport | None = None) -> None:
        self._transport = transport or httpx2.HTTPTransport(retries=CONNECTS)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request, at most three times."""
        for _ in range(ATTEMPTS - 1 if _is_repeatable(request) else 0):
            try:
                return self._transport.handle_request(request)
            except (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError):
                continue
        return self._transport.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def _is_repeatable(request: httpx2.Request) -> bool:
    return request.method in SAFE_METHODS or "idempotency-key" in request.headers
