"""Real git at a server with a certificate of a private authority."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from tests.support.authority import Authority
from tests.support.https_git_server import https_server

from raworc_crds.space import SpaceReason
from raworc_sources.checkout.fetch import fetch_commit
from raworc_sources.checkout.request import AgentRequest
from raworc_sources.git import Git
from raworc_sources.problems import SourceError, UnreachableError

NAMED = {"name": "echo", "description": "", "purpose": ""}


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@raworc.dev")
    command = ("git", "-C", str(folder), *identity, *arguments)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603


@pytest.fixture
def commit(tmp_path: Path) -> str:
    """Make a repository with one commit, and return that."""
    folder = tmp_path / "repositories" / "agents.git"
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "main.py").write_text("answer = 42\n")
    (folder / "weights").write_bytes(os.urandom(200_000))
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "content")
    return git(folder, "rev-parse", "HEAD").strip()


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Serve the repositories, and name the one that there is."""
    authority = Authority()
    server = authority.certificate("localhost")
    for name, text in (("ca", authority.pem), ("tls", server.chain), ("key", server.key)):
        (tmp_path / name).write_text(text)
    folder, certificate, key = (tmp_path / name for name in ("repositories", "tls", "key"))
    with https_server(folder, certificate, key, 0) as running:
        Thread(target=running.serve_forever, args=(0.01,)).start()
        yield f"https://localhost:{running.server_port}/agents.git"
        running.shutdown()


def test_a_ref_is_resolved_and_its_commit_fetched(commit: str, url: str, tmp_path: Path) -> None:
    trusting = Git(frozenset({"localhost"}), tmp_path / "ca")
    assert trusting.resolve(url, "main") == commit
    agent = AgentRequest(repo=url, commit=commit, path=None, ref=None, **NAMED)
    fetch_commit(trusting, agent, tmp_path / "clone")
    assert (tmp_path / "clone" / "main.py").read_text() == "answer = 42\n"


@pytest.mark.usefixtures("commit")
def test_a_server_of_an_unknown_authority_is_not_asked(url: str, tmp_path: Path) -> None:
    trusting = Git(frozenset({"localhost"}), tmp_path / "ca")
    with pytest.raises(UnreachableError, match="certificate"):
        replace(trusting, authorities_file=None).resolve(url, "main")


def test_a_repository_that_is_too_large_is_refused(commit: str, url: str, tmp_path: Path) -> None:
    narrow = Git(frozenset({"localhost"}), tmp_path / "ca", file_bytes=100_000)
    agent = AgentRequest(repo=url, commit=commit, path=None, ref=None, **NAMED)
    with pytest.raises(SourceError, match="is larger than 100000 bytes") as refused:
        fetch_commit(narrow, agent, tmp_path / "clone")
    assert refused.value.reason is SpaceReason.REPOSITORY_REFUSED
