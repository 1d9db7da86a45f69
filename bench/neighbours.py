"""What a replica meets in the component measurements: a MySQL, and a stand-in for its cluster."""

import json
import subprocess
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import sleep, time
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from raworc_api.accounts.tables import Account, RoleBinding
from raworc_api.core.database import database_engine, open_database
from raworc_api.migrate import migrate
from raworc_api.sessions.tables import SessionRecord
from raworc_api.settings import DatabaseSettings
from raworc_crds.group import TOKEN_AUDIENCE
from raworc_crds.names import SESSION_ACCOUNT

# It guards a database and a replica that live for some minutes, on the loopback address.
KEYS = {"bench": "measured-" * 8}
_PASSWORD = "measured"  # noqa: S105 - as above
_IMAGE = "raworc-bed/mysql:9"
_SPACE, _NAMESPACE = "bench", "raworc-bench"
ACCOUNT = "admin"
_START_SECONDS = 60
_TOKEN_SECONDS = 3600


def database(port: int) -> DatabaseSettings:
    """Return the way to the database."""
    return DatabaseSettings("127.0.0.1", port, "raworc", "root", _PASSWORD)


@contextmanager
def running_mysql(port: int) -> Iterator[None]:
    """Run a MySQL with our schema and an account."""
    environment = f"--env=MYSQL_ROOT_PASSWORD={_PASSWORD}", "--env=MYSQL_DATABASE=raworc"
    flags = "--detach", "--rm", "--tmpfs=/var/lib/mysql", f"--publish=127.0.0.1:{port}:3306"
    container = _docker("run", *flags, *environment, _IMAGE, "mysqld", "--skip-log-bin")
    try:
        _prepare(port)
        yield
    finally:
        _docker("rm", "--force", "--volumes", container)


def add_sessions(port: int, names: list[str]) -> None:
    """Record sessions as the API and the operator leave them before their hosts come."""
    now = datetime.now(UTC)
    engine = database_engine(database(port))
    with open_database(engine)() as db:
        db.add_all(
            SessionRecord(
                id=name,
                space=_SPACE,
                name=name,
                spec={"space": _SPACE},
                created_by=ACCOUNT,
                created_at=now,
                last_activity_at=now,
            )
            for name in names
        )
        db.commit()
    engine.dispose()


def pod_token(name: str) -> str:
    """Return a token of the form that the kubelet projects, for the pod of a session."""
    claims = {"sub": name, "exp": time() + _TOKEN_SECONDS}
    parts: tuple[dict[str, object], ...] = ({"alg": "none"}, {**claims}, {})
    return ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts)


@contextmanager
def running_cluster(port: int) -> Iterator[None]:
    """Serve what a replica without a mirror asks of Kubernetes: reviews of tokens, and pods."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _ClusterHandler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _ClusterHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Review a token: each is good, and names its pod."""
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        claims = review["spec"]["token"].split(".")[1]
        name = json.loads(urlsafe_b64decode(claims))["sub"]
        extra = {f"authentication.kubernetes.io/pod-{part}": [name] for part in ("name", "uid")}
        username = f"system:serviceaccount:{_NAMESPACE}:{SESSION_ACCOUNT}"
        user = {"username": username, "extra": extra}
        status = {"authenticated": True, "audiences": [TOKEN_AUDIENCE], "user": user}
        self._answer({**review, "status": status})

    def do_GET(self) -> None:
        """Show a pod, which runs; its uid is its name."""
        name = self.path.rpartition("/")[2]
        self._answer({"metadata": {"name": name, "uid": name}, "status": {"phase": "Running"}})

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, content: Mapping[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _prepare(port: int) -> None:
    engine = database_engine(database(port))
    for _ in range(_START_SECONDS):
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
            break
        except OperationalError:
            sleep(1)
    migrate(engine, datetime.now(UTC))
    with open_database(engine)() as db:
        db.add(Account(name=ACCOUNT, password_hash="!", created_at=datetime.now(UTC)))  # noqa: S106 - nobody logs in
        db.add(RoleBinding(principal=ACCOUNT, role="admin"))
        db.commit()
    engine.dispose()


def _docker(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - fixed arguments
        ["docker", *arguments],  # noqa: S607 - the engine that the path finds
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()
