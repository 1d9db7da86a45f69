"""What floods a replica, and who goes on being answered meanwhile."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from urllib.parse import urlsplit

import httpx2
import pytest
from tests.support.api_bed import ApiBed, refusal, say

from raworc_api.core.database import (
    HOST_THREADS,
    LOGIN_THREADS,
    LOOK_THREADS,
    MIRROR_THREADS,
    REQUEST_THREADS,
)
from raworc_api.core.security import Passwords

MEBIBYTE = 1024 * 1024
JSON = {"Content-Type": "application/json"}


def answer_to_headers(url: str, method_and_path: str, *headers: str) -> bytes:
    """Send the head of a request without its body, and return the status line."""
    parts = urlsplit(url)
    head = [f"{method_and_path} HTTP/1.1", "Host: x", "Content-Type: application/json", *headers]
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=10) as raw:
        raw.sendall("\r\n".join([*head, "", ""]).encode())
        return raw.recv(100).partition(b"\r\n")[0]


@pytest.mark.parametrize("body", [f"Content-Length: {44 * MEBIBYTE}", "Transfer-Encoding: chunked"])
def test_nobody_is_refused_before_a_byte_of_the_body_is_read(bed: ApiBed, body: str) -> None:
    replica = bed.replicas[0]
    for url, path in (
        (replica.url, "POST /api/v0/sessions"),
        (replica.url, "POST /internal/wake"),
        (replica.hosts_url, "POST /api/v0/host/answers"),
    ):
        assert answer_to_headers(url, path, body) == b"HTTP/1.1 401 Unauthorized"
        bad = answer_to_headers(url, path, body, "Authorization: Bearer x")
        assert bad == b"HTTP/1.1 401 Unauthorized"


def test_a_login_is_small(bed: ApiBed) -> None:
    nobody = bed.bearing(None)

    def pieces() -> Iterator[bytes]:
        yield b'{"user": "'
        for _ in range(10):
            yield b"x" * 1024
        yield b'"}'

    refusal(nobody.post("/auth/login", content=b" " * 9000, headers=JSON), 413)
    refusal(nobody.post("/auth/login", content=pieces(), headers=JSON), 413)
    announced = answer_to_headers(
        bed.replicas[0].url, "POST /api/v0/auth/login", f"Content-Length: {MEBIBYTE}"
    )
    assert b" 413 " in announced


def test_an_answer_may_be_large_and_other_bodies_of_hosts_may_not(bed: ApiBed) -> None:
    bed.session(bed.client("ann"), name="one")
    host = bed.host("one")
    refusal(host.http.post("/host/pieces", content=b" " * (3 * MEBIBYTE), headers=JSON), 413)
    refusal(host.http.post("/host/answers", content=b" " * (3 * MEBIBYTE), headers=JSON), 400)
    refusal(host.http.post("/host/answers", content=b" " * (49 * MEBIBYTE), headers=JSON), 413)


def test_an_answer_that_stalls_holds_back_no_other(bed: ApiBed) -> None:
    ann = bed.client("ann")
    slow, quick = (bed.session(ann, name=name) for name in ("slow", "quick"))
    slow_host, quick_host = bed.host("slow"), bed.host("quick")
    say(ann, slow, "hello")
    say(ann, quick, "hello")
    slow_host.take()
    question = quick_host.take()["message"]
    token = slow_host.http.headers["Authorization"]
    parts = urlsplit(bed.replicas[0].hosts_url)
    head = ["POST /api/v0/host/answers HTTP/1.1", "Host: x", "Content-Type: application/json"]
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=10) as raw:
        length = f"Content-Length: {3 * MEBIBYTE}"
        raw.sendall("\r\n".join([*head, f"Authorization: {token}", length, "", "{"]).encode())
        # Its client waits for less than the time that the other may take.
        assert quick_host.answer(question).is_success


def test_a_body_of_very_many_values_is_refused(bed: ApiBed) -> None:
    ann = bed.client("ann")
    path = f"/sessions/{bed.session(ann)}/messages"
    fields = ",".join(f'"{number:x}": 1' for number in range(100_000))
    for body in (
        "{" + fields + "}",
        '{"content": "x", "metadata": {"a": [' + "0," * 100_000 + "0]}}",
    ):
        problem = refusal(ann.post(path, content=body, headers=JSON), 413)
        assert problem["detail"] == "The body must hold at most 10000 values."


def test_of_many_errors_some_are_named(bed: ApiBed) -> None:
    ann = bed.client("ann")
    body = {"content": "x", **{f"unknown{number}": 1 for number in range(500)}}
    problem = refusal(ann.post(f"/sessions/{bed.session(ann)}/messages", json=body), 422)
    assert len(problem["errors"]) == 20


@pytest.mark.parametrize("depth", [2_000, 500_000])
def test_a_body_that_is_nested_too_deep_is_refused(bed: ApiBed, depth: int) -> None:
    content = b'{"content": "x", "metadata": ' + b'{"a": ' * depth
    ann = bed.client("ann")
    path = f"/sessions/{bed.session(ann)}/messages"
    closed = content + b"1" + b"}" * depth + b"}"
    refused = ann.post(path, content=closed[: 2 * MEBIBYTE], headers=JSON)
    assert refused.status_code in {400, 413, 422}
    assert ann.get("/sessions").status_code == 200


def others_are_answered(bed: ApiBed, person: httpx2.Client) -> None:
    """Check that people and probes wait for nobody; a client waits for five seconds at most."""
    with httpx2.Client(base_url=bed.replicas[0].probes_url, trust_env=False) as kubelet:
        for path in ("/health", "/ready"):
            assert kubelet.get(path).status_code == 200
    assert person.get("/sessions", timeout=5).status_code == 200


def test_a_slow_kubernetes_api_holds_only_those_who_need_it(
    bed: ApiBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, strangers = bed.client("ann"), bed.hosting(None)
    held, hang = threading.Semaphore(0), threading.Event()
    bed.session(ann, name="one")
    bed.session(ann, name="two")
    host, claiming = bed.host("one"), bed.host("two")

    def slow(*_: str) -> None:
        held.release()
        hang.wait(60)

    def stranger(number: int) -> int:
        headers = {"Authorization": f"Bearer {number}"}
        return strangers.get("/host/messages/next", headers=headers).status_code

    monkeypatch.setattr(bed.cluster, "review_token", slow)
    monkeypatch.setattr(bed.cluster, "running_pod_uid", slow)
    with ThreadPoolExecutor(40) as pool:
        claims = [pool.submit(claiming.claim) for _ in range(20)]
        unknown = [pool.submit(stranger, number) for number in range(20)]
        try:
            assert all(held.acquire(timeout=20) for _ in range(8))
            others_are_answered(bed, ann)
            assert host.poll().status_code == 204
        finally:
            hang.set()
        assert {answer.result() for answer in unknown} == {401}
        assert {answer.result().status_code for answer in claims} == {409}


def test_a_storm_of_logins_holds_only_logins_and_is_bounded(
    bed: ApiBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, nobody, hang = bed.client("ann"), bed.bearing(None), threading.Event()

    def slow(*_: object) -> bool:
        return not hang.wait(60)

    monkeypatch.setattr(Passwords, "matches", slow)
    body = {"user": "ann", "pass": "x"}
    with ThreadPoolExecutor(40) as pool:
        held = [pool.submit(nobody.post, "/auth/login", json=body) for _ in range(40)]
        try:
            refused = list(islice(as_completed(held, timeout=20), 40 - 16 - LOGIN_THREADS))
            others_are_answered(bed, ann)
        finally:
            hang.set()
        assert {answer.result().status_code for answer in refused} == {429}
        assert {answer.result().status_code for answer in held} == {401, 429}


def test_four_replicas_fit_the_default_limit_of_mysql() -> None:
    each = REQUEST_THREADS + LOGIN_THREADS + HOST_THREADS + MIRROR_THREADS + LOOK_THREADS
    # One more replica while they are replaced, each with its migration, and an administrator.
    assert 5 * each + 5 + 1 <= 151
