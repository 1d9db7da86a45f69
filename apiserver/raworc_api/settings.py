"""What the API server is told by its environment, as one value that never changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DatabaseTls:
    """By what MySQL is verified, which it always is, and what it may verify in turn.

    The files are read for each connection, so that they may change.
    """

    # None: the authorities that the image trusts.
    authorities: Path | None = None
    # A folder with tls.crt and tls.key.
    client_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Where MySQL is, and who asks."""

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)
    tls: DatabaseTls | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that differs from one installation to the next."""

    database: DatabaseSettings
    jwt_keys_dir: Path
    admin_password_file: Path
    peers_host: str | None = None
    pod_name: str = "raworc-api"
    pod_ip: str = "127.0.0.1"
    namespace: str = "raworc-system"
    namespace_prefix: str = "raworc-"
    token_seconds: int = 900
    port: int = 8080
    hosts_port: int = 8081
    probes_port: int = 8082
    hosts_tls_dir: Path | None = None


def database_from_environment(environ: Mapping[str, str]) -> DatabaseSettings:
    """Read what the database needs, or say which variable is wrong."""
    return DatabaseSettings(
        host=_required(environ, "RAWORC_DATABASE_HOST"),
        port=_number(environ, "RAWORC_DATABASE_PORT", 3306),
        name=_required(environ, "RAWORC_DATABASE_NAME"),
        user=_required(environ, "RAWORC_DATABASE_USER"),
        password=_required(environ, "RAWORC_DATABASE_PASSWORD"),
        tls=_database_tls(environ),
    )


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read the settings, or say which variable is wrong."""
    return Settings(
        database=database_from_environment(environ),
        jwt_keys_dir=Path(_required(environ, "RAWORC_JWT_KEYS_DIR")),
        admin_password_file=Path(_required(environ, "RAWORC_ADMIN_PASSWORD_FILE")),
        peers_host=environ.get("RAWORC_PEERS_HOST") or None,
        pod_name=environ.get("RAWORC_POD_NAME") or "raworc-api",
        pod_ip=environ.get("RAWORC_POD_IP") or "127.0.0.1",
        namespace=environ.get("RAWORC_NAMESPACE") or "raworc-system",
        namespace_prefix=environ.get("RAWORC_NAMESPACE_PREFIX") or "raworc-",
        token_seconds=_number(environ, "RAWORC_TOKEN_SECONDS", 900),
        hosts_tls_dir=_path(environ, "RAWORC_HOSTS_TLS_DIR"),
    )


def _database_tls(environ: Mapping[str, str]) -> DatabaseTls | None:
    found = DatabaseTls(
        _path(environ, "RAWORC_DATABASE_AUTHORITIES"),
        _path(environ, "RAWORC_DATABASE_CLIENT_DIR"),
    )
    is_on = _boolean(environ, "RAWORC_DATABASE_TLS")
    if not is_on and found != DatabaseTls():
        raise SystemExit("RAWORC_DATABASE_TLS must be 'true' where its files are given.")
    return found if is_on else None


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name)
    if not value:
        raise SystemExit(f"{name} must be set.")
    return value


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]) if environ.get(name) else None


def _boolean(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(name) or "false"
    if value not in {"true", "false"}:
        raise SystemExit(f"{name} must be 'true' or 'false', but is '{value}'.")
    return value == "true"


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise SystemExit(f"{name} must be a whole number above 0, but is '{text}'.")
    return int(text)
