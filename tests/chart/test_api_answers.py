"""The program of ``helm test``: it passes by what the API answers, and by nothing less."""

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

PROGRAM = Path(__file__).parents[2] / "helm" / "raworc" / "files" / "api_answers.py"


class _Api(BaseHTTPRequestHandler):
    """An API that lets one password in."""

    def do_GET(self) -> None:
        self._answer(
            200 if self.path in {"/api/v0/health", "/api/v0/ready", "/api/v0/version"} else 404
        )

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        right = self.path == "/api/v0/auth/login" and body == {"user": "admin", "pass": "right"}
        self._answer(200 if right else 401)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b'{"token_type": "Bearer"}')


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Api) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(("password", "code"), [("right", 0), ("wrong", 1)])
def test_it_passes_when_the_password_lets_it_in(
    url: str, tmp_path: Path, password: str, code: int
) -> None:
    file = tmp_path / "password"
    file.write_text(password)
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(PROGRAM), url, str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert "health: 200\nready: 200\nversion: 200\n" in done.stdout
