"""What git is really given: its command line and its environment, whole."""

import json
from pathlib import Path

import pytest

from raworc_sources.address import Address, parse_address
from raworc_sources.git import Git
from raworc_sources.problems import SourceError

COMMIT = "1" * 40
SPY = """#!/usr/bin/python3
import json, os, sys
print(json.dumps([sys.argv[1:], dict(os.environ)]), file=open({log!r}, "w"))
print("{commit}\\tHEAD")
"""
CONSTANT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ALLOW_PROTOCOL": "https:http:git",
}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def spying(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Ask a program in place of git, at a host with public addresses."""
    spy = tmp_path / "git"
    spy.write_text(SPY.format(log=str(log), commit=COMMIT))
    spy.chmod(0o755)
    addresses = ["93.184.215.14", "2606:2800:21f::1"]

    def parse(repo: str, internal: frozenset[str]) -> Address:
        return parse_address(repo, internal, lambda *_: addresses)

    monkeypatch.setattr("raworc_sources.git.parse_address", parse)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com")
    monkeypatch.setenv("GIT_SSH_COMMAND", "evil")
    return Git(program=str(spy))


def given(log: Path) -> tuple[list[str], dict[str, str]]:
    arguments, environment = json.loads(log.read_text())
    return arguments, environment


def test_no_redirect_is_followed_and_the_address_that_was_checked_is_pinned(
    spying: Git, log: Path
) -> None:
    assert spying.resolve("https://example.org/a/b", None) == COMMIT
    arguments, _ = given(log)
    assert arguments == [
        *("-c", "http.followRedirects=false"),
        *("-c", "http.curloptResolve=example.org:443:93.184.215.14,[2606:2800:21f::1]"),
        *("ls-remote", "--end-of-options", "https://example.org/a/b", "HEAD", "HEAD^{}"),
    ]


def test_by_its_own_protocol_git_is_given_the_address_itself(spying: Git, log: Path) -> None:
    spying.resolve("git://example.org/a/b.git", None)
    arguments, _ = given(log)
    assert arguments[:2] == ["-c", "http.followRedirects=false"]
    assert arguments[2:5] == ["ls-remote", "--end-of-options", "git://93.184.215.14:9418/a/b.git"]


def test_git_has_an_environment_of_its_own_and_three_protocols(spying: Git, log: Path) -> None:
    spying.resolve("https://example.org/a/b", None)
    _, environment = given(log)
    # The interpreter of the spy may add the locale that it found.
    assert {key: environment[key] for key in environment if key != "LC_CTYPE"} == CONSTANT


def test_a_ref_that_looks_like_an_option_is_none(spying: Git, log: Path) -> None:
    with pytest.raises(SourceError):
        spying.resolve("https://example.org/a/b", "--upload-pack=evil")
    arguments, _ = given(log)
    assert arguments.index("--end-of-options") < arguments.index("refs/heads/--upload-pack=evil")
