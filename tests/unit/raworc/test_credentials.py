from pathlib import Path
from stat import S_IMODE

import pytest

from raworc.credentials import (
    Credentials,
    credentials_path,
    read_credentials,
    store_credentials,
)
from raworc.errors import LoginRequiredError

LOGIN = Credentials("https://api.test", "t0ken")


def test_the_login_lies_below_the_configuration_folder() -> None:
    home = credentials_path({"HOME": "/home/ada"})
    assert home == Path("/home/ada/.config/raworc/credentials.json")
    assert credentials_path({"XDG_CONFIG_HOME": "/etc/ada"}).parent == Path("/etc/ada/raworc")


def test_a_stored_login_is_read_back_and_is_its_owners_alone(environ: dict[str, str]) -> None:
    path = store_credentials(LOGIN, environ)
    assert read_credentials(environ) == LOGIN
    assert S_IMODE(path.stat().st_mode) == 0o600
    assert S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["credentials.json"]


def test_a_second_login_takes_the_place_of_the_first(environ: dict[str, str]) -> None:
    store_credentials(Credentials("https://old.test", "old"), environ)
    store_credentials(LOGIN, environ)
    assert read_credentials(environ) == LOGIN


def test_the_environment_goes_before_the_stored_login(environ: dict[str, str]) -> None:
    store_credentials(LOGIN, environ)
    environ |= {"RAWORC_URL": "https://other.test", "RAWORC_TOKEN": "other"}
    assert read_credentials(environ) == Credentials("https://other.test", "other")


def test_a_stored_token_is_not_sent_to_another_address(environ: dict[str, str]) -> None:
    store_credentials(LOGIN, environ)
    with pytest.raises(LoginRequiredError):
        read_credentials({**environ, "RAWORC_URL": "https://evil.test"})
    same = read_credentials({**environ, "RAWORC_URL": "https://api.test/"})
    assert same.token == "t0ken"


def test_without_a_login_the_error_says_what_to_run(environ: dict[str, str]) -> None:
    with pytest.raises(LoginRequiredError, match="raworc login URL"):
        read_credentials(environ)


def test_a_damaged_file_is_named(environ: dict[str, str]) -> None:
    path = store_credentials(LOGIN, environ)
    path.write_text("[]")
    with pytest.raises(LoginRequiredError, match=str(path)):
        read_credentials(environ)


def test_a_folder_in_the_place_of_the_login_is_said_in_words(environ: dict[str, str]) -> None:
    credentials_path(environ).mkdir(parents=True)
    with pytest.raises(LoginRequiredError, match="cannot be read"):
        read_credentials(environ)
