"""The operator at a registry with accounts and a certificate of a private authority."""

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.component.raworc_operator.registry_server import DIGEST, RegistryServer
from tests.support.authority import Authority

from raworc_sources.registry import AccountRefusedError, ImageRegistry, RegistryError

REPOSITORY = "raworc_space_a"


def accounts(host: str, password: str) -> str:
    """Write an account down as `docker login` does."""
    auth = b64encode(f"user:{password}".encode()).decode()
    return json.dumps({"auths": {host: {"auth": auth}}})


@pytest.fixture(params=[False, True], ids=["password", "token"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RegistryServer]:
    authority = Authority()
    (tmp_path / "ca.crt").write_text(authority.pem)
    server = RegistryServer(gives_tokens=request.param, images={"1": DIGEST, "2": DIGEST})
    with server.running(authority.certificate("localhost"), tmp_path):
        yield server


@pytest.fixture
def registry(server: RegistryServer, tmp_path: Path) -> ImageRegistry:
    """The registry as an operator knows it that was told everything."""
    file = tmp_path / "config.json"
    file.write_text(accounts(server.host, "right"))
    return ImageRegistry(
        f"{server.host}/team", accounts=file, authorities=tmp_path / "ca.crt", insecure=False
    )


def test_images_are_asked_for_with_the_account(registry: ImageRegistry) -> None:
    assert registry.digest(REPOSITORY, "1") == DIGEST
    assert registry.digest(REPOSITORY, "3") is None


def test_the_base_image_is_asked_for_with_the_account(
    registry: ImageRegistry, server: RegistryServer
) -> None:
    name = f"{server.host}/team/raworc/agent"
    assert registry.base_digest("raworc/agent:1") == (name, DIGEST)
    assert registry.base_digest(f"{server.host}/base:3") == (f"{server.host}/base", None)


def test_images_are_deleted_with_the_account(
    registry: ImageRegistry, server: RegistryServer
) -> None:
    registry.delete_repository(REPOSITORY)
    assert server.images == {}
    registry.delete_repository(REPOSITORY)


def test_a_password_that_changed_is_read_anew(
    registry: ImageRegistry, server: RegistryServer
) -> None:
    server.password = "new"
    with pytest.raises(AccountRefusedError, match="refuses the account"):
        registry.digest(REPOSITORY, "1")
    assert registry.accounts
    registry.accounts.write_text(accounts(server.host, "new"))
    assert registry.digest(REPOSITORY, "1") == DIGEST


def test_an_account_that_may_not_do_it_is_refused(
    registry: ImageRegistry, server: RegistryServer
) -> None:
    server.forbids = True
    with pytest.raises(AccountRefusedError, match="refuses the account"):
        registry.digest(REPOSITORY, "1")


def test_a_registry_for_which_there_is_no_account_says_so(registry: ImageRegistry) -> None:
    assert registry.accounts
    registry.accounts.write_text(accounts("elsewhere.example.com", "right"))
    with pytest.raises(AccountRefusedError, match="has none for it"):
        registry.digest(REPOSITORY, "1")
    with pytest.raises(AccountRefusedError, match="has none for it"):
        replace(registry, accounts=None).digest(REPOSITORY, "1")


def test_an_account_that_cannot_be_read_is_said_without_a_word_of_it(
    registry: ImageRegistry,
) -> None:
    assert registry.accounts
    registry.accounts.write_text('{"auths": "s3cret"}')
    with pytest.raises(RegistryError, match="cannot be read") as refused:
        registry.digest(REPOSITORY, "1")
    assert "s3cret" not in str(refused.value)


def test_a_certificate_of_an_unknown_authority_is_refused(registry: ImageRegistry) -> None:
    with pytest.raises(RegistryError, match="certificate verify failed"):
        replace(registry, authorities=None).digest(REPOSITORY, "1")
