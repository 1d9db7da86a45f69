"""One kept-alive HTTP/1.1 connection to the API server.

Not ``http.client``: with the email package and TLS that it imports, a session would wait for it
as long as for all the rest of the host's start. TLS is imported when the URL asks for it.
"""

import select
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from ssl import SSLContext

CONNECT_SECONDS = 3.0
_MAX_LINE = 65_536
_PACKET_BYTES = 65_536
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


class Body(Protocol):
    """What is sent with a request: long ones are not in memory whole."""

    def slices(self) -> Iterator[bytes]:
        """Yield the body in order, each time anew."""

    def __len__(self) -> int:
        """Return the number of its bytes."""


class Reader(Protocol):
    """What an answer is read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Read so many bytes, or less at the end; without a number, all."""

    def readline(self, size: int = -1, /) -> bytes:
        """Read a line."""


class Whole(bytes):
    """A short body."""

    __slots__ = ()

    def slices(self) -> Iterator[bytes]:
        """Yield it all."""
        yield self


class Interrupt(Protocol):
    """What may end a wait for an answer."""

    def fds(self) -> Sequence[int]:
        """Return the descriptors that become readable when it is to be asked."""

    def is_due(self) -> bool:
        """Say whether the wait is to be given up."""


class Connection:
    """A connection that is opened when needed; one request at a time."""

    def __init__(self, url: str, authorities: str | None = None) -> None:
        self._origin = parse_origin(url)
        self._authorities = authorities
        self._socket: socket.socket | None = None
        self._context: SSLContext | None = None

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Body | None,
        timeout: float,
        interrupt: Interrupt | None = None,
    ) -> Response:
        """Ask, and wait for the answer; an OSError says that there was none.

        Gives up waiting with AbandonedError when ``interrupt`` is due.
        """
        is_reused = self._drop_stale()
        head = self._head(method, path, headers, body)
        try:
            return self._ask(head, body, timeout, interrupt)
        except BrokenAnswerError:
            # The server may close a kept connection in the very moment in which it is used.
            if not is_reused:
                raise
            return self._ask(head, body, timeout, interrupt)

    def close(self) -> None:
        """Close the connection, if it is open."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _drop_stale(self) -> bool:
        """Close a connection that the server has closed; return whether one is still open."""
        # Nothing is owed on it: what can be read now is the end, or nonsense.
        if self._socket is not None and not _is_quiet(self._socket):
            self.close()
        return self._socket is not None

    def _head(self, method: str, path: str, headers: Mapping[str, str], body: Body | None) -> bytes:
        lines = [
            f"{method} {self._origin.prefix}{path} HTTP/1.1",
            f"Host: {self._origin.authority}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _ask(
        self, head: bytes, body: Body | None, timeout: float, interrupt: Interrupt | None
    ) -> Response:
        try:
            if self._socket is None:
                self._socket = self._connect()
            self._socket.settimeout(timeout)
            _send(self._socket, head, body)
            incoming = BufferedReader(_Incoming(self._socket, timeout, interrupt))
            response, is_kept = read_response(incoming)
        except (BrokenPipeError, ConnectionResetError) as error:
            self.close()
            raise BrokenAnswerError(str(error)) from error
        except (OSError, AbandonedError):
            self.close()
            raise
        if not is_kept:
            self.close()
        return response

    def _connect(self) -> socket.socket:
        origin = self._origin
        plain = socket.create_connection((origin.host, origin.port), CONNECT_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, seconds in _KEEPALIVE:
            plain.setsockopt(socket.IPPROTO_TCP, option, seconds)
        if not origin.is_secure:
            return plain
        try:
            return self._trusting().wrap_socket(plain, server_hostname=origin.host)
        except OSError:
            plain.close()
            raise

    def _trusting(self) -> "SSLContext":
        if self._context is None:
            import ssl  # noqa: PLC0415 - only where it is used; see the module's first lines

            self._context = ssl.create_default_context(cadata=self._authorities)
        return self._context


class _Incoming(RawIOBase):
    """What comes over a socket, waited for until a deadline, or until the wait is given up.

    What TLS has received is not always for us (a ticket, a new key), and what is for us may have
    been received already. So the socket is asked first, and waited for only when it has nothing.
    """

    def __init__(
        self, connected: socket.socket, timeout: float, interrupt: Interrupt | None
    ) -> None:
        self._socket = connected
        self._deadline = time.monotonic() + timeout
        self._interrupt = interrupt

    def readable(self) -> bool:
        """Say that this is for reading."""
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override] # any writable buffer
        """Read what there is, or the first that comes."""
        self._socket.setblocking(False)  # noqa: FBT003 - the name says it
        while True:
            try:
                return self._socket.recv_into(buffer)
            except _nothing_yet():
                self._wait()

    def _wait(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the response did not come in time")
        waiter = select.poll()
        waiter.register(self._socket, select.POLLIN)
        fds = () if self._interrupt is None else self._interrupt.fds()
        for fd in fds:
            waiter.register(fd, select.POLLIN)
        ready = {fd for fd, _ in waiter.poll(left * 1000)}
        if self._interrupt is not None and ready & set(fds) and self._interrupt.is_due():
            raise AbandonedError


def _nothing_yet() -> tuple[type[Exception], ...]:
    """Return what a socket raises that has nothing; TLS has a word of its own for it."""
    ssl = sys.modules.get("ssl")
    return (BlockingIOError,) if ssl is None else (BlockingIOError, ssl.SSLWantReadError)


def _is_quiet(connected: socket.socket) -> bool:
    """Say whether a connection is open and nothing comes over it."""
    connected.setblocking(False)  # noqa: FBT003 - the name says it
    try:
        connected.recv(1)
    except _nothing_yet():
        return True
    except OSError:
        return False
    return False


def _send(connected: socket.socket, head: bytes, body: Body | None) -> None:
    """Send a request, short ones in one packet."""
    waiting = head
    for piece in () if body is None else body.slices():
        if len(waiting) + len(piece) > _PACKET_BYTES:
            connected.sendall(waiting)
            waiting = b""
        waiting += piece
    connected.sendall(waiting)


def read_response(reader: Reader) -> tuple[Response, bool]:
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


def _read_head(reader: Reader) -> tuple[int, dict[str, str]]:
    words = _read_line(reader).split(None, 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():  # noqa: PLR2004 - version and status
        raise BrokenAnswerError("the response is not HTTP")
    headers: dict[str, str] = {}
    while line := _read_line(reader):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return int(words[1]), headers


def _read_line(reader: Reader) -> str:
    line = reader.readline(_MAX_LINE)
    if not line.endswith(b"\n"):
        raise BrokenAnswerError("the connection was closed before the response")
    return line.decode("latin-1").rstrip("\r\n")


def _read_exactly(reader: Reader, length: int) -> bytes:
    body = reader.read(length)
    if len(body) < length:
        raise BrokenAnswerError("the connection was closed in the middle of the response")
    return body


def _read_chunks(reader: Reader) -> bytes:
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
        raise BrokenAnswerError("the response has a malformed HTTP chunk") from None
