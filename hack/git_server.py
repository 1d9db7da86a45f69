"""Serve Git repositories over git://, each made by the first push to it.

``git daemon`` does the rest; it looks for a repository before it asks its access hook, so that
the hook would come too late to make one.
"""
# ruff: noqa: INP001, S603, S607 - a program of one file; it runs the git of its image

import re
import socket
import socketserver
import subprocess
import sys
from pathlib import Path

PORT = 9418
# A request is its length in hexadecimal, "git-receive-pack /name.git", NUL, and the host.
PUSH = re.compile(rb"[0-9a-f]{4}git-receive-pack /([a-z0-9][a-z0-9-]{0,62}\.git)\0")
_LENGTH = 4
_PEEK = socket.MSG_PEEK | socket.MSG_WAITALL


class Connection(socketserver.BaseRequestHandler):
    """One clone, fetch or push."""

    request: socket.socket

    def handle(self) -> None:
        """Make the repository of a push, then hand the untouched connection to git daemon."""
        root = Path(sys.argv[1])
        length = self.request.recv(_LENGTH, _PEEK)
        if len(length) < _LENGTH:
            return
        push = PUSH.match(self.request.recv(int(length, 16), _PEEK))
        if push:
            make_repository(root / push[1].decode())
        ends = self.request.fileno()
        subprocess.run(daemon(root), stdin=ends, stdout=ends, check=False)


class Server(socketserver.ThreadingTCPServer):
    """A thread a connection."""

    allow_reuse_address = True
    daemon_threads = True


def make_repository(path: Path) -> None:
    """Make an empty repository, unless it exists."""
    if path.exists():
        return
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", path], check=True)
    # Builds fetch the commit that they were asked for, not a branch.
    wish = ["config", "uploadpack.allowAnySHA1InWant", "true"]
    subprocess.run(["git", "-C", path, *wish], check=True)


def daemon(root: Path) -> list[str]:
    """Return the command that serves one connection on its standard input and output."""
    flags = ["--inetd", "--export-all", "--enable=receive-pack", f"--base-path={root}"]
    return ["git", "daemon", *flags, str(root)]


if __name__ == "__main__":
    with Server(("", PORT), Connection) as server:
        server.serve_forever()
