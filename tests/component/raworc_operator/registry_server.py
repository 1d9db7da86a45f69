"""A registry over HTTPS that knows one image and one account."""

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from threading import Thread
from typing import Any

from tests.support.authority import Certificate

DIGEST = "sha256:" + "d" * 64
_TOKEN = "a-token"


@dataclass
class RegistryServer:
    """What the registry knows, and whom it lets in."""

    password: str = "right"
    # Whether an account is shown to the registry itself, or to one who gives tokens.
    gives_tokens: bool = False
    # What the registry answers to an account that it knows.
    forbids: bool = False
    images: dict[str, str] = field(default_factory=dict)
    host: str = ""

    @property
    def basic(self) -> str:
        """What the one account sends."""
        return "Basic " + b64encode(f"user:{self.password}".encode()).decode()

    @property
    def challenge(self) -> str:
        """How a client is told to show its account."""
        if not self.gives_tokens:
            return 'Basic realm="registry"'
        scope = "repository:team/raworc_space_a:pull"
        return f'Bearer realm="https://{self.host}/token",service="registry",scope="{scope}"'

    @contextmanager
    def running(self, certificate: Certificate, folder: Path) -> Iterator[None]:
        """Answer on a port of this machine."""
        pem = folder / "server.pem"
        pem.write_text(certificate.chain + certificate.key)
        context = SSLContext(PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Requests, self)) as server:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            self.host = f"localhost:{server.server_port}"
            Thread(target=server.serve_forever, args=(0.01,)).start()
            yield
            server.shutdown()


class _Requests(BaseHTTPRequestHandler):
    def __init__(self, registry: RegistryServer, *arguments: Any) -> None:  # noqa: ANN401
        self._registry = registry
        super().__init__(*arguments)

    def do_HEAD(self) -> None:
        tag = self.path.rpartition("/")[2]
        known = tag in self._registry.images
        self._reply(HTTPStatus.OK if known else HTTPStatus.NOT_FOUND, tag)

    def do_GET(self) -> None:
        if self.path.startswith("/token"):
            self._give_token()
        else:
            self._reply(HTTPStatus.OK if self._registry.images else HTTPStatus.NOT_FOUND)

    def do_DELETE(self) -> None:
        digest = self.path.rpartition("/")[2]
        if self._lets_in():
            images = self._registry.images
            self._registry.images = {tag: found for tag, found in images.items() if found != digest}
        self._reply(HTTPStatus.ACCEPTED)

    def _give_token(self) -> None:
        known = self.headers["Authorization"] == self._registry.basic
        self.send_response(HTTPStatus.OK if known else HTTPStatus.UNAUTHORIZED)
        self.end_headers()
        self.wfile.write(json.dumps({"token": _TOKEN}).encode())

    def _lets_in(self) -> bool:
        by_token = self._registry.gives_tokens
        wanted = f"Bearer {_TOKEN}" if by_token else self._registry.basic
        return bool(self.headers["Authorization"] == wanted)

    def _reply(self, status: HTTPStatus, tag: str = "") -> None:
        if not self._lets_in():
            status = HTTPStatus.UNAUTHORIZED
        elif self._registry.forbids:
            status = HTTPStatus.FORBIDDEN
        self.send_response(status)
        self.send_header("WWW-Authenticate", self._registry.challenge)
        self.send_header("Docker-Content-Digest", self._registry.images.get(tag, ""))
        self.end_headers()
        if self.command == "GET" and status is HTTPStatus.OK:
            self.wfile.write(json.dumps({"tags": list(self._registry.images)}).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""
