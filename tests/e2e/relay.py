"""A port of this machine that leads to a port of the cluster's node.

``kubectl port-forward`` would do, but ends altogether when one connection is reset, as happens
at the end of TLS (kubernetes/kubernetes#111825).
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

from tests.e2e.waiting import SOON

Address = tuple[str, int]


@contextmanager
def relayed(target: Address) -> Iterator[int]:
    """Pass on what comes to the port of localhost that is yielded."""

    class Passage(BaseRequestHandler):
        """One connection, both ways."""

        def handle(self) -> None:
            with socket.create_connection(target, timeout=SOON) as there:
                there.settimeout(None)
                back = Thread(target=_copy, args=(there, self.request))
                back.start()
                _copy(self.request, there)
                back.join()

    with ThreadingTCPServer(("127.0.0.1", 0), Passage) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def _copy(source: socket.socket, target: socket.socket) -> None:
    # A side that goes away without a word ends the passage as well.
    with suppress(ConnectionError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
