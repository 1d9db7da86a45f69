"""Accounts of registries, read from what `docker login` and kubectl write."""

import json
from base64 import b64encode

import pytest

from raworc_sources.registry_account import Account, InvalidAccountsError, find_account

ROBOT = Account("robot", "pass:word")


def config(address: str, **entry: str) -> str:
    auth = b64encode(b"robot:pass:word").decode()
    return json.dumps({"auths": {address: entry or {"auth": auth}}})


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("registry.example.com", "registry.example.com"),
        ("registry.example.com:5000", "registry.example.com:5000"),
        ("https://registry.example.com", "registry.example.com"),
        ("https://registry.example.com/v2/", "registry.example.com"),
        ("registry.example.com/team", "registry.example.com"),
        ("https://index.docker.io/v1/", "docker.io"),
    ],
)
def test_an_account_is_found_by_its_registry(address: str, host: str) -> None:
    assert find_account(config(address), host) == ROBOT


@pytest.mark.parametrize("host", ["example.com", "registry.example.com:443", "docker.io"])
def test_an_account_is_shown_to_no_other_registry(host: str) -> None:
    assert find_account(config("registry.example.com"), host) is None


def test_a_user_and_a_password_may_stand_apart() -> None:
    apart = config("registry.example.com", username="robot", password="pass:word")
    assert find_account(apart, "registry.example.com") == ROBOT


def test_no_accounts_are_none() -> None:
    assert find_account("{}", "registry.example.com") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s3cret",
        '["s3cret"]',
        '{"auths": ["s3cret"]}',
        '{"auths": {"host": {"auth": "s3cret"}}}',
    ],
)
def test_what_cannot_be_read_is_not_repeated(text: str) -> None:
    with pytest.raises(InvalidAccountsError) as refused:
        find_account(text, "host")
    assert "s3cret" not in repr(refused.value)
