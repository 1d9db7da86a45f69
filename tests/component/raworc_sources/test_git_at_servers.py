"""Real git at servers that mislead, flood or say nothing."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from raworc_crds.space import SpaceReason
from raworc_sources.git import Git
from raworc_sources.problems import SourceError, UnreachableError

LOCAL = Git(frozenset({"127.0.0.1"}))
COMMIT = b"1" * 40


@contextmanager
def served(answer: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), answer) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{server.server_port}/agents.git"
        server.shutdown()


class _Silent(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_redirect_is_not_followed() -> None:
    asked: list[str] = []

    class Inside(_Silent):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with served(Inside) as inside:

        class Redirecting(_Silent):
            def do_GET(self) -> None:
                self.send_response(302)
                self.send_header("Location", inside + self.path)
                self.end_headers()

        with served(Redirecting) as url, pytest.raises(SourceError):
            LOCAL.resolve(url, "main")
    assert asked == []


@pytest.mark.parametrize("location", ["ssh://127.0.0.1/x", "file:///etc", "ext::sh -c id"])
def test_other_protocols_are_not_spoken(location: str) -> None:
    command = ["git", "ls-remote", "--end-of-options", location]
    done = subprocess.run(  # noqa: S603 - ours
        command, env=dict(LOCAL._environment()), capture_output=True, text=True, check=False
    )
    assert "not allowed" in done.stderr


def test_refs_without_end_are_not_read_to_the_end() -> None:
    class Flooding(_Silent):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            number = 0
            try:
                while True:
                    lines = (
                        COMMIT + b"\trefs/heads/main/refs/heads/%d/refs/heads/main\n" % (number + i)
                        for i in range(1000)
                    )
                    self.wfile.write(b"".join(lines))
                    number += 1000
            except OSError:
                return

    began = time.monotonic()
    with served(Flooding) as url, pytest.raises(SourceError):
        LOCAL.resolve(url, "main", seconds=25)
    assert time.monotonic() - began < 25


def test_more_refs_than_can_be_read_are_refused(tmp_path: Path) -> None:
    flood = tmp_path / "git"
    flood.write_text("#!/bin/sh\nexec yes 1111111111111111111111111111111111111111\n")
    flood.chmod(0o755)
    with pytest.raises(SourceError) as refused:
        Git(frozenset({"git.test"}), program=str(flood)).resolve("git://git.test/x", "main")
    assert refused.value.reason is SpaceReason.REPOSITORY_REFUSED


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"git://127.0.0.1:{silent.getsockname()[1]}/x.git"
        with pytest.raises(UnreachableError, match="within 1 s"):
            LOCAL.resolve(url, "main", seconds=1)
