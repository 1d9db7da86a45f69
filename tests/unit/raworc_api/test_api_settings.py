from pathlib import Path

import pytest

from raworc_api.settings import DatabaseTls, from_environment

GIVEN = {
    "RAWORC_DATABASE_HOST": "mysql",
    "RAWORC_DATABASE_NAME": "raworc",
    "RAWORC_DATABASE_USER": "api",
    "RAWORC_DATABASE_PASSWORD": "secret",
    "RAWORC_JWT_KEYS_DIR": "/etc/raworc/jwt",
    "RAWORC_ADMIN_PASSWORD_FILE": "/etc/raworc/admin/password",
}


def test_what_is_not_set_has_its_default() -> None:
    settings = from_environment(GIVEN)
    assert settings.jwt_keys_dir == Path("/etc/raworc/jwt")
    assert (settings.database.port, settings.token_seconds, settings.port) == (3306, 900, 8080)
    assert settings.peers_host is None


@pytest.mark.parametrize("name", GIVEN)
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(SystemExit, match=f"{name} must be set"):
        from_environment({**GIVEN, name: ""})


@pytest.mark.parametrize("value", ["x", "0", "-1", "1.5", "²"])
def test_what_is_no_number_is_named(value: str) -> None:
    with pytest.raises(SystemExit, match="RAWORC_TOKEN_SECONDS"):
        from_environment({**GIVEN, "RAWORC_TOKEN_SECONDS": value})


def test_the_password_is_not_shown_with_the_settings() -> None:
    assert "secret" not in repr(from_environment(GIVEN))


def test_the_database_is_verified_where_it_speaks_tls() -> None:
    assert from_environment(GIVEN).database.tls is None
    told = {"RAWORC_DATABASE_TLS": "true", "RAWORC_DATABASE_AUTHORITIES": "/ca.crt"}
    assert from_environment({**GIVEN, **told}).database.tls == DatabaseTls(Path("/ca.crt"))


@pytest.mark.parametrize(
    "told", [{"RAWORC_DATABASE_TLS": "yes"}, {"RAWORC_DATABASE_CLIENT_DIR": "/client"}]
)
def test_tls_of_the_database_is_on_or_off(told: dict[str, str]) -> None:
    with pytest.raises(SystemExit, match="RAWORC_DATABASE_TLS must be 'true'"):
        from_environment({**GIVEN, **told})
