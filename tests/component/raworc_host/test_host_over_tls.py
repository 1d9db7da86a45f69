"""The host and an API server that proves who it is."""

import ssl
import time
from pathlib import Path

import pytest
from tenacity import retry, stop_after_delay, wait_fixed
from tests.component.raworc_host.session_bed import Bed
from tests.support.authority import Authority


def serve_tls(bed: Bed, folder: Path, authority: Authority, name: str) -> None:
    """Let the API server show a certificate of an authority for a name."""
    certificate = authority.certificate(name)
    (folder / "chain.pem").write_text(certificate.chain)
    (folder / "key.pem").write_text(certificate.key)
    bed.server.stop()
    bed.server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    bed.server.tls.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    bed.server.start()
    bed.scheme = "https"


def test_a_session_is_hosted_over_tls_and_a_stop_does_not_wait_out_the_poll(
    bed: Bed, tmp_path: Path
) -> None:
    authority = Authority()
    serve_tls(bed, tmp_path, authority, "127.0.0.1")
    bed.environment["RAWORC_API_AUTHORITIES"] = authority.pem
    bed.agent("long", "def process_message(m, c): return m * 100_000")
    pod = bed.start()
    for _ in range(2):
        assert bed.api.ask("long")["content"] == "long" * 100_000
    bed.api.wait_for(lambda: bed.api.polling)
    begun = time.monotonic()
    pod.terminate()
    assert pod.wait(10) == 0
    assert time.monotonic() - begun < 5
    assert bed.api.is_released


@pytest.mark.parametrize(
    ("name", "is_trusted", "words"),
    [
        ("127.0.0.1", False, "certificate verify failed"),
        ("api.example.com", True, "certificate is not valid for '127.0.0.1'"),
    ],
    ids=["wrong authority", "wrong name"],
)
def test_a_server_that_does_not_prove_who_it_is_gets_no_token(
    bed: Bed, tmp_path: Path, name: str, words: str, *, is_trusted: bool
) -> None:
    authority = Authority()
    serve_tls(bed, tmp_path, authority, name)
    trusted = authority if is_trusted else Authority()
    bed.environment["RAWORC_API_AUTHORITIES"] = trusted.pem
    bed.example("echo")
    pod = bed.start(wait=False)
    wait_until_said(bed, words)
    assert pod.poll() is None
    assert bed.api.tokens == []


@retry(stop=stop_after_delay(15), wait=wait_fixed(0.05), reraise=True)
def wait_until_said(bed: Bed, words: str) -> None:
    assert words in bed.output()
