"""Which repositories are asked, and what they answer."""

import pytest

from raworc_crds.space import SpaceReason
from raworc_sources.address import parse_address
from raworc_sources.git import Git, failure
from raworc_sources.problems import SourceError, UnreachableError
from raworc_sources.refs import pick_commit, ref_patterns

HEAD, BRANCH, TAG, PEELED = ("1" * 40, "2" * 40, "3" * 40, "4" * 40)
LISTING = (
    f"{HEAD}\tHEAD\n"
    f"{BRANCH}\trefs/heads/main\n"
    f"{'9' * 40}\trefs/remotes/x/refs/heads/main\n"
    f"{TAG}\trefs/tags/v1\n"
    f"{PEELED}\trefs/tags/v1^{{}}\n"
    f"{TAG}\trefs/tags/main\n"
)


@pytest.mark.parametrize(
    ("ref", "commit"),
    [(None, HEAD), ("main", BRANCH), ("v1", PEELED), ("refs/heads/main", BRANCH)],
)
def test_a_ref_is_a_branch_then_a_tag_and_a_tag_is_what_it_points_to(
    ref: str | None, commit: str
) -> None:
    assert pick_commit(LISTING, ref, "url") == commit


@pytest.mark.parametrize(("ref", "words"), [("nope", "'nope'"), ("1234567", "in full")])
def test_a_ref_that_is_not_there_is_never_another_one(ref: str, words: str) -> None:
    with pytest.raises(SourceError, match=words) as refused:
        pick_commit(LISTING, ref, "url")
    assert refused.value.reason is SpaceReason.REF_NOT_FOUND


def test_an_empty_repository_has_no_default_branch() -> None:
    with pytest.raises(SourceError, match="empty"):
        pick_commit("", None, "url")


def test_the_server_is_asked_for_whole_names_only() -> None:
    assert ref_patterns("v1") == [
        "refs/heads/v1",
        "refs/heads/v1^{}",
        "refs/tags/v1",
        "refs/tags/v1^{}",
    ]


def test_a_repository_on_github_needs_no_url() -> None:
    address = parse_address("owner/name", (), lambda *_: ["93.184.215.14"])
    assert address.url == "https://github.com/owner/name"
    assert (address.port, address.location) == (443, address.url)


def test_the_address_that_was_looked_at_is_the_one_that_is_used() -> None:
    def found(*_: object) -> list[str]:
        return ["93.184.215.14", "2606:2800:21f::1", "93.184.215.14"]

    web = parse_address("https://example.org/a/b", (), found)
    assert web.resolution == "example.org:443:93.184.215.14,[2606:2800:21f::1]"
    git = parse_address("git://example.org/a/b.git", (), found)
    assert (git.location, git.resolution) == ("git://93.184.215.14:9418/a/b.git", None)


@pytest.mark.parametrize(
    "inside",
    [
        "127.0.0.1",
        "10.96.0.1",
        "169.254.169.254",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - refused, not bound
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
        # Private addresses in the clothes of public ones: NAT64, 6to4, Teredo, IPv4-compatible.
        "64:ff9b::a00:1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::a00:1",
        "2002:a00:1::1",
        "2001:0:4136:e378:8000:63bf:f5ff:fffe",
        "::10.0.0.1",
        "192.88.99.1",
        "ff0e::1",
        "2001:db8::1",
    ],
)
def test_a_host_inside_is_refused(inside: str) -> None:
    with pytest.raises(SourceError, match="internal address") as refused:
        parse_address("https://example.org/a/b", (), lambda *_: ["93.184.215.14", inside])
    assert refused.value.reason is SpaceReason.REPOSITORY_REFUSED


def test_a_host_that_is_allowed_by_name_may_be_inside() -> None:
    address = parse_address("git://git.demo.svc/x.git", {"git.demo.svc"}, lambda *_: ["10.0.0.1"])
    assert (address.location, address.resolution) == (address.url, None)


def test_a_host_that_nobody_knows_may_be_known_later() -> None:
    def fail(*_: object) -> list[str]:
        raise OSError("Name or service not known")

    with pytest.raises(UnreachableError):
        parse_address("https://example.org/a/b", (), fail)


def test_a_port_that_is_none_is_refused() -> None:
    with pytest.raises(SourceError, match="refused"):
        parse_address("https://example.org:99999/a/b", (), lambda *_: ["93.184.215.14"])


@pytest.mark.parametrize(
    "words",
    [
        "remote: Repository not found.\nfatal: repository 'https://x/' not found",
        "fatal: remote error: access denied or repository not exported: /x.git",
        "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
        "error: The requested URL returned error: 404",
    ],
)
def test_a_repository_that_is_not_there_is_told_from_one_that_is_away(words: str) -> None:
    assert failure("url", words).reason is SpaceReason.REPOSITORY_NOT_FOUND


@pytest.mark.parametrize(
    "words",
    [
        "fatal: unable to access 'https://x/': Could not resolve host: x",
        "fatal: unable to connect to x: errno=Connection refused",
        "error: The requested URL returned error: 503",
        "",
    ],
)
def test_a_repository_that_is_away_may_be_back_later(words: str) -> None:
    assert isinstance(failure("url", words), UnreachableError)


def test_a_whole_commit_names_itself() -> None:
    git = Git(frozenset({"git.test"}), program="/nonexistent")
    assert git.resolve("git://git.test/x", HEAD) == HEAD
