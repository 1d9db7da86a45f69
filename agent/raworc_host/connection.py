"""One kept-alive HTTP/1.1 connection to the API server.

Not ``http.client``: with the email package and TLS that it imports, a session would wait for it
as long as for all the rest of the host's start. TLS is imported when the URL asks for it.
"""

import select
import socket
from collections.abc import Mapping
from io import BufferedReader
from typing import NamedTuple

CONNECT_SECONDS = 3.0
_MAX_LINE = 65_536
_NO_BODY = frozenset({204, 304})
# A node that vanished is noticed after these many seconds of silence, not after the long poll.
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 5), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 2))


class Response(NamedTuple):
    """What the server answered."""

    status: int
    body: bytes


class BrokenAnswerError(OSError):
    """The server closed the connection or did not speak HTTP."""


class AbandonedError(Exception):
    """The caller no longer waits for the answer."""


class Origin(NamedTuple):
    """Where a URL leads."""

    is_secure: bool
    host: str
    port: int
    authority: str
    prefix: str


def parse_origin(url: str) -> Origin:
    """Take a URL apart (``urllib.parse`` costs a start more than these lines)."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    host, colon, port = authority.rpartition(":")
    if not colon or "]" in port:
        host, port = authority, "443" if scheme == "https" else "80"
    return Origin(
        scheme == "https", host.strip("[]"), int(port), authority, f"{slash}{path}".rstrip("/")
    )


class Connection:
    """A connection that is opened when needed; one request at a time."""

    def __init__(self, url: str) -> None:
        self._origin = parse_origin(url)
        self._socket: socket.socket | None = None
        self._reader: BufferedReader | None = None

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: float,
        abandon_fd: int | None = None,
    ) -> Response:
        """Ask, and wait for the answer; an OSError says that there was none.

        Gives up waiting with AbandonedError when ``abandon_fd`` becomes readable.
        """
        is_reused = self._drop_stale()
        try:
            return self._ask(self._head(method, path, headers, body), body, timeout, abandon_fd)
        except BrokenAnswerError:
            # The server may close a kept connection in the very moment in which it is used.
            if not is_reused:
                raise
            return self._ask(self._head(method, path, headers, body), body, timeout, abandon_fd)

    def close(self) -> None:
        """Close the connection, if it is open."""
        if self._reader is not None:
            self._reader.close()
        if self._socket is not None:
            self._socket.close()
        self._socket = self._reader = None

    def _drop_stale(self) -> bool:
        """Close a connection that the server has closed; return whether one is still open."""
        # Nothing is owed on it: what can be read now is the end, or nonsense.
        if self._socket is not None and _readable(self._socket.fileno(), None, 0):
            self.close()
        return self._socket is not None

    def _head(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> bytes:
        lines = [
            f"{method} {self._origin.prefix}{path} HTTP/1.1",
            f"Host: {self._origin.authority}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _ask(
        self, head: bytes, body: bytes | None, timeout: float, abandon_fd: int | None
    ) -> Response:
        try:
            connected, reader = self._connected()
            connected.settimeout(timeout)
            connected.sendall(head + (body or b""))
            if not _readable(connected.fileno(), abandon_fd, timeout):
                raise TimeoutError(f"no answer within {timeout:.0f} s")
            response, is_kept = read_response(reader)
        except (BrokenPipeError, ConnectionResetError) as error:
            self.close()
            raise BrokenAnswerError(str(error)) from error
        except (OSError, AbandonedError):
            self.close()
            raise
        if not is_kept:
            self.close()
        return response

    def _connected(self) -> tuple[socket.socket, BufferedReader]:
        if self._socket is None or self._reader is None:
            self._socket = self._connect()
            self._reader = self._socket.makefile("rb")
        return self._socket, self._reader

    def _connect(self) -> socket.socket:
        origin = self._origin
        plain = socket.create_connection((origin.host, origin.port), CONNECT_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, seconds in _KEEPALIVE:
            plain.setsockopt(socket.IPPROTO_TCP, option, seconds)
        if not origin.is_secure:
            return plain
        import ssl  # noqa: PLC0415 - only where it is used; see the module's first lines

        return ssl.create_default_context().wrap_socket(plain, server_hostname=origin.host)


def read_response(reader: BufferedReader) -> tuple[Response, bool]:
    """Read one answer, and whether the connection may be used again."""
    status, headers = _read_head(reader)
    while status < 200:  # noqa: PLR2004 - 1xx says that the answer is still to come
        status, headers = _read_head(reader)
    is_kept = headers.get("connection", "").lower() != "close"
    if status in _NO_BODY:
        return Response(status, b""), is_kept
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return Response(status, _read_chunks(reader)), is_kept
    if headers.get("content-length", "").isdigit():
        return Response(status, _read_exactly(reader, int(headers["content-length"]))), is_kept
    return Response(status, reader.read()), False


def _readable(fd: int, abandon_fd: int | None, timeout: float) -> bool:
    waiter = select.poll()
    waiter.register(fd, select.POLLIN)
    if abandon_fd is not None:
        waiter.register(abandon_fd, select.POLLIN)
    ready = {ready_fd for ready_fd, _ in waiter.poll(timeout * 1000)}
    if ready == {abandon_fd}:
        raise AbandonedError
    return fd in ready


def _read_head(reader: BufferedReader) -> tuple[int, dict[str, str]]:
    words = _read_line(reader).split(None, 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():  # noqa: PLR2004 - version and status
        raise BrokenAnswerError("what came is no HTTP answer")
    headers: dict[str, str] = {}
    while line := _read_line(reader):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return int(words[1]), headers


def _read_line(reader: BufferedReader) -> str:
    line = reader.readline(_MAX_LINE)
    if not line.endswith(b"\n"):
        raise BrokenAnswerError("the connection was closed before the answer")
    return line.decode("latin-1").rstrip("\r\n")


def _read_exactly(reader: BufferedReader, length: int) -> bytes:
    body = reader.read(length)
    if len(body) < length:
        raise BrokenAnswerError("the connection was closed in the middle of the answer")
    return body


def _read_chunks(reader: BufferedReader) -> bytes:
    chunks = []
    while length := _chunk_length(_read_line(reader)):
        chunks.append(_read_exactly(reader, length))
        _read_line(reader)
    while _read_line(reader):
        pass
    return b"".join(chunks)


def _chunk_length(line: str) -> int:
    try:
        return int(line.partition(";")[0], 16)
    except ValueError:
        raise BrokenAnswerError("what came is no HTTP chunk") from None
