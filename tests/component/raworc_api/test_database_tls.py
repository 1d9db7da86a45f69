"""TLS to MySQL: verified by authority and name, and never left out."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from tests.support.authority import Authority
from tests.support.mysql import running_tls_mysql

from raworc_api.core.database import database_engine
from raworc_api.settings import DatabaseSettings, DatabaseTls


@dataclass(frozen=True)
class Bed:
    """A server with a certificate for 127.0.0.1, and the authority that it is of."""

    server: DatabaseSettings
    authority: Authority
    authorities: Path

    def cipher(self, tls: DatabaseTls | None, user: str = "root") -> str:
        """Connect, and return the cipher that is spoken; empty without TLS."""
        settings = replace(self.server, tls=tls, user=user)
        engine = database_engine(settings)
        try:
            with engine.connect() as connection:
                row = connection.execute(text("SHOW SESSION STATUS LIKE 'Ssl_cipher'")).one()
                return str(row[1])
        finally:
            engine.dispose()

    @contextmanager
    def changed(self, **variables: str) -> Iterator[None]:
        """Have the server show itself otherwise for a while."""
        before = {name: self.run(f"SELECT @@{name}") for name in variables}
        self.set(variables)
        try:
            yield
        finally:
            self.set(before)

    def set(self, variables: Mapping[str, str]) -> None:
        for name, value in variables.items():
            self.run(f"SET GLOBAL {name} = '{value}'")
        # What the server cannot set up it goes on without, as here with no version at all.
        self.run("ALTER INSTANCE RELOAD TLS NO ROLLBACK ON ERROR")

    def run(self, statement: str) -> str:
        """Run a statement without TLS, and return the first field of its answer."""
        engine = database_engine(self.server)
        try:
            with engine.begin() as connection:
                result = connection.exec_driver_sql(statement)
                return str(result.scalar()) if result.returns_rows else ""
        finally:
            engine.dispose()


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    # The server's user in the container is another.
    folder = tmp_path_factory.mktemp("mysql-tls")
    folder.parent.chmod(0o755)
    folder.chmod(0o755)
    authority = Authority()
    authorities = folder / "ca.pem"
    authorities.write_text(authority.pem)
    other = authority.certificate("other.test")
    (folder / "other.pem").write_text(other.chain)
    (folder / "other.key").write_text(other.key)
    with running_tls_mysql(folder, authority.certificate("127.0.0.1")) as server:
        yield Bed(server, authority, authorities)


def test_a_server_is_verified_by_its_authority(bed: Bed) -> None:
    assert bed.cipher(DatabaseTls(bed.authorities)).startswith("TLS_")


def test_without_tls_none_is_spoken(bed: Bed) -> None:
    assert bed.cipher(None) == ""


def test_a_server_of_another_authority_is_refused(bed: Bed, tmp_path: Path) -> None:
    other = tmp_path / "ca.pem"
    other.write_text(Authority().pem)
    with pytest.raises(OperationalError, match="self-signed certificate in certificate chain"):
        bed.cipher(DatabaseTls(other))


def test_a_server_that_only_we_know_is_refused_by_the_usual_authorities(bed: Bed) -> None:
    with pytest.raises(OperationalError, match="self-signed certificate in certificate chain"):
        bed.cipher(DatabaseTls())


def test_a_server_under_another_name_is_refused(bed: Bed) -> None:
    with (
        bed.changed(ssl_cert="/tls/other.pem", ssl_key="/tls/other.key"),
        pytest.raises(OperationalError, match="Validation of SSL server certificate failed"),
    ):
        bed.cipher(DatabaseTls(bed.authorities))


def test_a_server_without_tls_is_refused(bed: Bed) -> None:
    with (
        bed.changed(tls_version=""),
        pytest.raises(OperationalError, match="SSL is required, but the server does not support"),
    ):
        bed.cipher(DatabaseTls(bed.authorities))


def test_a_user_who_must_show_a_certificate_gets_in_with_one_alone(
    bed: Bed, tmp_path: Path
) -> None:
    bed.run(f"CREATE USER 'shown'@'%%' IDENTIFIED BY '{bed.server.password}' REQUIRE X509")
    bed.run(f"GRANT SELECT ON {bed.server.name}.* TO 'shown'@'%%'")
    shown = bed.authority.certificate("client")
    (tmp_path / "tls.crt").write_text(shown.chain)
    (tmp_path / "tls.key").write_text(shown.key)
    assert bed.cipher(DatabaseTls(bed.authorities, tmp_path), "shown").startswith("TLS_")
    with pytest.raises(OperationalError, match="Access denied"):
        bed.cipher(DatabaseTls(bed.authorities), "shown")
