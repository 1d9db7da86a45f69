"""Raworc through the chart's Ingress: by HTTPS, from outside of the cluster."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from tests.e2e.command_line import CommandLine
from tests.e2e.conftest import API, Connect, NewSession
from tests.e2e.gates import open_gate
from tests.e2e.helm import Helm
from tests.e2e.kubectl import SYSTEM, Kubectl
from tests.e2e.listening import Listener, is_answer_to, is_piece_of
from tests.e2e.neighbours import tls_secret
from tests.e2e.progress import answer, answers
from tests.e2e.relay import relayed
from tests.e2e.skipper import NAME, installed
from tests.e2e.waiting import eventually
from tests.support.authority import Authority

from raworc.client import Client
from raworc.errors import RefusedError

CONTROLLER = Path(__file__).parents[2] / "hack" / "ingress-controller"
# A name that leads to this machine on every machine.
HOST = "localhost"
INGRESS = {
    "enabled": True,
    "className": NAME,
    "host": HOST,
    "tls": {"enabled": True, "secretName": NAME},
}
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Door:
    """The address of the API from outside, and the file with whom to trust there."""

    url: str
    trusted: Path


@pytest.fixture(scope="module")
def door(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """Turn the Ingress on for these tests, with a controller for it and a certificate."""
    authority, helm = Authority(), Helm(kubectl.context)
    trusted = tmp_path_factory.mktemp("tls") / "authority.pem"
    trusted.write_text(authority.pem)
    with (
        kubectl.applied(tls_secret(NAME, SYSTEM, authority.certificate(HOST))),
        installed(kubectl, controller_image()) as address,
        helm.told({**helm.values(), "ingress": INGRESS}),
        relayed(address) as port,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("SSL_CERT_FILE", str(trusted))
        url = f"https://{HOST}:{port}"
        # Before its Ingress is read, the controller refuses.
        eventually(lambda: answers(url), "the API through the Ingress")
        yield Door(url, trusted)


def controller_image() -> str:
    """Have the image on the node, and name it; the first time on a machine, it is built."""
    done = subprocess.run([CONTROLLER], check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own script
    return done.stdout.strip()


@pytest.fixture
def api(door: Door, password: str) -> Iterator[Client]:
    """Log in through the Ingress; sessions of these tests are created through it, too."""
    with Client(door.url) as client:
        client.login("admin", password)
        yield client


def test_events_come_while_they_happen(
    door: Door,
    api: Client,
    connect: Connect,
    kubectl: Kubectl,
    shared_space: str,
    new_session: NewSession,
) -> None:
    session = new_session("gated")
    listener = Listener(connect(door.url), session.id)
    message = api.post_message(session.id, "go")
    listener.until(is_piece_of(message.id, "waiting;"))
    # The stream has told a piece of an answer whose end nobody knows yet.
    assert api.read_message(session.id, message.id).status == "processing"
    open_gate(kubectl, shared_space, session.name, "go")
    heard = listener.until(is_answer_to(message.id))
    assert heard.data["content"] == "waiting;passed go"


def test_the_largest_message_comes_through(api: Client, new_session: NewSession) -> None:
    session = new_session("printing")
    largest = api.post_message(session.id, "x" * MEBIBYTE)
    assert answer(api, largest) == "the answer"


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (MEBIBYTE + 1, "`content` must be at most 1048576 bytes"),
        (2 * MEBIBYTE + 1, "body must be at most 2097152 bytes"),
    ],
)
def test_a_message_too_large_is_refused_by_the_api_itself(
    api: Client, new_session: NewSession, size: int, words: str
) -> None:
    session = new_session("printing", closed=True)
    with pytest.raises(RefusedError, match=words) as refused:
        api.post_message(session.id, "x" * size)
    assert refused.value.status == httpx2.codes.CONTENT_TOO_LARGE
    assert list(api.list_messages(session.id)) == []


def test_the_command_line_comes_through(
    door: Door, password: str, shared_space: str, tmp_path: Path
) -> None:
    raworc = CommandLine(tmp_path, {"SSL_CERT_FILE": str(door.trusted)})
    assert raworc("login", door.url, "--password-stdin", given=password).returncode == 0
    session_id = raworc("sessions", "create", shared_space, "--agent", "printing").stdout.strip()
    try:
        assert raworc("send", session_id, "hello").stdout == "the answer\n"
    finally:
        assert raworc("sessions", "delete", session_id).returncode == 0


def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    door: Door, password: str, tmp_path: Path
) -> None:
    raworc = CommandLine(tmp_path)
    refused = raworc("login", door.url, "--password-stdin", given=password)
    assert refused.returncode == 4
    assert "certificate" in refused.stderr


def test_another_host_leads_nowhere(door: Door) -> None:
    path = f"{door.url}/api/v0/health"
    assert httpx2.get(path).is_success
    assert is_nowhere(httpx2.get(path, headers={"Host": "elsewhere.example"}))


@pytest.mark.parametrize("path", ["/internal/wake", "/health", "/ready"])
def test_what_is_not_the_api_stays_inside(door: Door, path: str) -> None:
    assert not is_nowhere(httpx2.post(f"{API}{path}"))
    assert is_nowhere(httpx2.post(f"{door.url}{path}"))


def is_nowhere(response: httpx2.Response) -> bool:
    """Tell whether the controller knew no way on; the API says in a problem what is not there."""
    is_problem = response.headers.get("Content-Type", "").startswith("application/problem+json")
    return response.status_code == httpx2.codes.NOT_FOUND and not is_problem
