"""Serve the Git repositories of a folder over HTTPS.

``python https_git_server.py FOLDER CERTIFICATE KEY PORT``, on the standard library and git alone.
"""

import ssl
import subprocess
import sys
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Repositories(BaseHTTPRequestHandler):
    """Hands each request to ``git http-backend``, a CGI program."""

    def __init__(self, folder: Path, *arguments: Any) -> None:  # noqa: ANN401 - what the server gives
        self._folder = folder
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        told = {
            "GIT_PROJECT_ROOT": str(self._folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
        }
        command = ["git", "http-backend"]
        done = subprocess.run(  # noqa: S603 - a command without anything of the request in it
            command, input=body, env=told, capture_output=True, check=True
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(fields.pop("Status", "200").partition(" ")[0]))
        for name, value in {**fields, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def https_server(folder: Path, certificate: Path, key: Path, port: int) -> ThreadingHTTPServer:
    """Return the server; port 0 means any that is free."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("", port), partial(Repositories, folder))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


if __name__ == "__main__":
    folder_given, certificate_given, key_given = map(Path, sys.argv[1:4])
    with https_server(folder_given, certificate_given, key_given, int(sys.argv[4])) as running:
        running.serve_forever()
