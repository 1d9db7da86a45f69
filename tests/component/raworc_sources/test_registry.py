"""The sources at a real registry with accounts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.authority import Authority
from tests.support.registry import (
    PULLER,
    PULLER_ANEW,
    PUSHER,
    RunningRegistry,
    running_registry,
)

from raworc_crds.space import SpaceReason
from raworc_sources.problems import AccountRefusedError, RegistryError, SourceError
from raworc_sources.registry import ImageRegistry

REPOSITORY = "raworc_space_a"
IN_TEAM = f"team/{REPOSITORY}"
KEY, OTHER_KEY = "a" * 64, "b" * 64


def test_an_image_is_found_with_the_account_by_the_key_of_its_build(
    registry: ImageRegistry, server: RunningRegistry
) -> None:
    digest = server.push(IN_TEAM, "1", KEY)
    assert registry.find_image(REPOSITORY, "1", KEY) == digest
    assert registry.find_image(REPOSITORY, "2", KEY) is None


@pytest.mark.parametrize("key", [None, OTHER_KEY, KEY[:12]])
def test_a_tag_is_not_believed_without_the_whole_key(
    registry: ImageRegistry, server: RunningRegistry, key: str | None
) -> None:
    server.push(IN_TEAM, "1", key)
    assert registry.find_image(REPOSITORY, "1", KEY) is None


def test_the_base_image_is_named_by_its_digest(
    registry: ImageRegistry, server: RunningRegistry
) -> None:
    digest = server.push("team/raworc/agent", "1")
    name = f"{server.host}/team/raworc/agent@{digest}"
    assert registry.base_image("raworc/agent:1") == name
    assert registry.base_image(f"raworc/agent@{digest}") == name
    assert registry.base_image(f"{server.host}/team/raworc/agent:1") == name
    with pytest.raises(SourceError) as missing:
        registry.base_image("raworc/agent:2")
    assert missing.value.reason is SpaceReason.BASE_IMAGE_NOT_FOUND


def test_a_sweep_keeps_what_is_named_and_the_newest(
    registry: ImageRegistry, server: RunningRegistry
) -> None:
    digests = {
        str(day): server.push(IN_TEAM, str(day), str(day), f"2026-01-0{day}T00:00:00Z")
        for day in range(1, 8)
    }
    gone = registry.sweep(REPOSITORY, [digests["1"]], ["2"], newest=2)
    assert set(gone) == {"3", "4", "5"}
    assert server.tags(IN_TEAM) == {"1", "2", "6", "7"}
    assert registry.sweep(REPOSITORY, [digests["1"]], ["2"], newest=2) == []


def test_an_image_with_two_tags_is_kept_by_either(
    registry: ImageRegistry, server: RunningRegistry
) -> None:
    assert server.push(IN_TEAM, "old", KEY) == server.push(IN_TEAM, "running", KEY)
    assert registry.sweep(REPOSITORY, [], ["running"], newest=0) == []
    assert set(registry.sweep(REPOSITORY, [], [], newest=0)) == {"old", "running"}
    assert server.tags(IN_TEAM) == set()
    assert registry.sweep(REPOSITORY, [], [], newest=0) == []


def test_a_repository_is_deleted_and_no_other(
    registry: ImageRegistry, server: RunningRegistry
) -> None:
    for tag in ("1", "2", "3"):
        server.push(IN_TEAM, tag, tag if tag != "3" else "2")
    server.push(f"{IN_TEAM}b", "1")
    registry.delete_repository(REPOSITORY)
    assert server.tags(IN_TEAM) == set()
    assert server.tags(f"{IN_TEAM}b") == {"1"}
    registry.delete_repository(REPOSITORY)
    registry.delete_repository("never_there")


def test_repositories_are_listed_below_the_own_path_alone(
    registry: ImageRegistry, server: RunningRegistry
) -> None:
    for repository in (IN_TEAM, "team/raworc/agent", REPOSITORY, f"other/{REPOSITORY}"):
        server.push(repository, "1")
    assert registry.repositories("raworc_space_") == [REPOSITORY]


def test_a_password_that_changed_is_read_anew(
    registry: ImageRegistry, server: RunningRegistry
) -> None:
    digest = server.push(IN_TEAM, "1", KEY)
    server.let_in(PULLER_ANEW)
    with pytest.raises(AccountRefusedError, match="refuses the account"):
        registry.find_image(REPOSITORY, "1", KEY)
    assert registry.accounts
    registry.accounts.write_text(PULLER_ANEW.shown_to(server.host))
    assert registry.find_image(REPOSITORY, "1", KEY) == digest


def test_a_registry_for_which_there_is_no_account_says_so(registry: ImageRegistry) -> None:
    assert registry.accounts
    registry.accounts.write_text(PUSHER.shown_to("elsewhere.example.com"))
    with pytest.raises(AccountRefusedError, match="has none for it"):
        registry.find_image(REPOSITORY, "1", KEY)
    with pytest.raises(AccountRefusedError, match="has none for it"):
        replace(registry, accounts=None).delete_repository(REPOSITORY)


def test_a_registry_that_refuses_deletion_says_so(tmp_path: Path) -> None:
    with running_registry(tmp_path, delete={"enabled": False}) as server:
        server.push(REPOSITORY, "1")
        accounts = tmp_path / "config.json"
        accounts.write_text(PUSHER.shown_to(server.host))
        registry = ImageRegistry(server.host, insecure=True, accounts=accounts)
        with pytest.raises(RegistryError, match="405"):
            registry.delete_repository(REPOSITORY)


def test_a_registry_that_is_away_may_be_back_later(registry: ImageRegistry) -> None:
    away = replace(registry, address="localhost:1")
    with pytest.raises(RegistryError) as refused:
        away.base_image("raworc/agent:1")
    assert refused.value.is_passing


def test_an_account_that_cannot_be_read_is_said_without_a_word_of_it(
    registry: ImageRegistry,
) -> None:
    assert registry.accounts
    registry.accounts.write_text('{"auths": "s3cret"}')
    with pytest.raises(RegistryError, match="cannot be read") as refused:
        registry.find_image(REPOSITORY, "1", KEY)
    assert "s3cret" not in str(refused.value)


@pytest.fixture
def over_tls(tmp_path: Path) -> Iterator[RunningRegistry]:
    """Run a registry as a company has one: with a certificate of its own authority."""
    authority = Authority()
    trusted = tmp_path / "ca.crt"
    trusted.write_text(authority.pem)
    certificate = authority.certificate("localhost")
    with running_registry(tmp_path, certificate, trusted) as running:
        running.let_in(PUSHER, PULLER)
        yield running


def test_a_certificate_of_a_trusted_authority_is_enough_and_needed(
    over_tls: RunningRegistry, tmp_path: Path
) -> None:
    digest = over_tls.push(REPOSITORY, "1", KEY)
    accounts = tmp_path / "config.json"
    accounts.write_text(PULLER.shown_to(over_tls.host))
    trusting = ImageRegistry(over_tls.host, accounts=accounts, authorities=over_tls.authorities)
    assert trusting.find_image(REPOSITORY, "1", KEY) == digest
    with pytest.raises(RegistryError, match="certificate verify failed"):
        replace(trusting, authorities=None).find_image(REPOSITORY, "1", KEY)
