"""Accounts on two replicas: what one of them grants or ends, the other knows."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep
from uuid import uuid4

import pytest
from tests.e2e.command_line import CommandLine
from tests.e2e.conftest import API, FreshName
from tests.e2e.kubectl import Kubectl

from raworc.client import Client
from raworc.errors import LoginRequiredError

PASSWORD = "a good long password"
# What the product promises.
ENDED_SECONDS = 5.0


@pytest.fixture
def somebody(api: Client) -> Iterator[str]:
    """Make an account of this test alone, which may do nothing yet."""
    name = f"e2e-{uuid4().hex[:8]}"
    api.create_account(name, PASSWORD)
    yield name
    api.delete_account(name)


@pytest.fixture
def admin(password: str, tmp_path: Path) -> CommandLine:
    """Log the administrator in at the command line."""
    command_line = CommandLine(tmp_path / "admin")
    assert command_line("login", API, "--password-stdin", given=password).returncode == 0
    return command_line


def seconds_until_ended(client: Client) -> float:
    """Return after how many seconds a client is not known any more."""
    began = monotonic()
    while monotonic() < began + 2 * ENDED_SECONDS:
        try:
            client.read_me()
        except LoginRequiredError:
            return monotonic() - began
        sleep(0.1)
    raise AssertionError("The tokens did not end.")


def test_an_account_is_given_a_role_by_the_command_line(
    api: Client, admin: CommandLine, somebody: str, fresh_space: FreshName, tmp_path: Path
) -> None:
    user, space = CommandLine(tmp_path / "user"), fresh_space()
    api.create_space(space, agents=[])
    others = api.create_session(space)
    login = ("login", API, "--user", somebody, "--password-stdin")
    assert user(*login, given=PASSWORD).returncode == 0
    assert user("spaces").returncode == 3
    bound = admin("roles", "bind", "user", somebody, "--space", space)
    assert bound.returncode == 0, bound.stderr
    asked = ("auth", "can-i", "create", "sessions")
    assert user(*asked).stdout == "no\n"
    assert user(*asked, "--space", space).stdout == "yes\n"
    session = user("sessions", "create", space).stdout.strip()
    try:
        listed = user("sessions").stdout
        assert session in listed
        assert others.id not in listed
        assert user("sessions", "close", others.id).returncode == 3
    finally:
        assert user("sessions", "delete", session).returncode == 0
    assert user("logout").returncode == 0
    assert user("sessions").returncode == 5


def test_a_disabled_account_is_out_on_every_replica(
    api: Client, admin: CommandLine, kubectl: Kubectl, somebody: str
) -> None:
    kubectl.rolled_out("raworc-api")
    one, other, *_ = kubectl.pods("api")
    token = api.create_token(somebody, "ci").token
    with (
        kubectl.forwarded(one, 8080) as here,
        kubectl.forwarded(other, 8080) as there,
        ExitStack() as stack,
    ):
        login = stack.enter_context(Client(here)).login(somebody, PASSWORD)
        clients = [
            stack.enter_context(Client(url, text))
            for text in (token, login.token)
            for url in (here, there)
        ]
        assert [client.read_me().user for client in clients] == [somebody] * 4
        assert admin("users", "disable", somebody).returncode == 0
        assert max(map(seconds_until_ended, clients)) < ENDED_SECONDS
