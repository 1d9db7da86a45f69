"""The real cluster's client, on a server that answers what a test tells it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from kubernetes import client

from raworc_api.cluster import FIELD_MANAGER, ApiCluster, PodIdentity
from raworc_kube.client import BRIEF, Event
from raworc_kube.errors import (
    ClusterError,
    ForbiddenObjectError,
    InvalidObjectError,
    ObjectConflictError,
    ObjectNotFoundError,
    VersionGoneError,
)
from raworc_kube.objects import LEASE, SESSION, SPACE, Key

ONE = Key(SESSION, "one", "raworc-team")
ONE_PATH = "/apis/raworc.dev/v1alpha1/namespaces/raworc-team/agentsessions/one"


@dataclass
class Asked:
    """One request, as it came in."""

    method: str
    path: str
    query: dict[str, str]
    content_type: str
    body: Any


@dataclass
class ApiServer:
    """Answers in turn what a test put in, and keeps what it was asked."""

    answers: list[tuple[int, Any]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)


@pytest.fixture
def api() -> ApiServer:
    return ApiServer()


@pytest.fixture
def cluster(api: ApiServer) -> Iterator[ApiCluster]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            content_type = self.headers["content-type"]
            asked = Asked(self.command, url.path, query, content_type, json.loads(body or "null"))
            api.asked.append(asked)
            status, answer = api.answers.pop(0)
            content = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - as http.server asks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    configuration = client.Configuration()
    configuration.host = f"http://127.0.0.1:{server.server_port}"
    configuration.retries = 0
    with client.ApiClient(configuration) as connection:
        yield ApiCluster(connection, FIELD_MANAGER, BRIEF)
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_apply_is_forced_and_signed(api: ApiServer, cluster: ApiCluster) -> None:
    api.answers.append((200, {"kind": "AgentSession"}))
    metadata = {"name": "one", "namespace": "raworc-team"}
    manifest = {"kind": "AgentSession", "metadata": metadata, "spec": {}}
    assert cluster.apply(manifest) == {"kind": "AgentSession"}
    (asked,) = api.asked
    assert (asked.method, asked.path) == ("PATCH", ONE_PATH)
    assert asked.content_type == "application/apply-patch+yaml"
    assert asked.query == {
        "fieldManager": "raworc-api",
        "force": "true",
        "fieldValidation": "Strict",
    }
    assert asked.body == manifest


def test_a_merge_says_what_goes_away(api: ApiServer, cluster: ApiCluster) -> None:
    api.answers.append((200, {}))
    cluster.merge(ONE, {"spec": {"agent": None}})
    (asked,) = api.asked
    assert asked.content_type == "application/merge-patch+json"
    assert asked.body == {"spec": {"agent": None}}


def test_a_cluster_scoped_object_has_no_namespace(api: ApiServer, cluster: ApiCluster) -> None:
    api.answers.append((200, {}))
    cluster.read(Key(SPACE, "team"))
    assert api.asked[0].path == "/apis/raworc.dev/v1alpha1/spaces/team"


def test_a_new_object_goes_to_its_collection(api: ApiServer, cluster: ApiCluster) -> None:
    api.answers += [(201, {}), (200, {})]
    metadata = {"name": "raworc-mirror", "namespace": "raworc-system"}
    lease = {"kind": LEASE.name, "metadata": metadata}
    cluster.create(lease)
    cluster.replace(lease)
    collection = "/apis/coordination.k8s.io/v1/namespaces/raworc-system/leases"
    assert [(asked.method, asked.path) for asked in api.asked] == [
        ("POST", collection),
        ("PUT", f"{collection}/raworc-mirror"),
    ]


def test_a_delete_names_the_object_that_it_means(api: ApiServer, cluster: ApiCluster) -> None:
    api.answers.append((200, {}))
    cluster.delete(ONE, "uid-1")
    assert api.asked[0].body["preconditions"] == {"uid": "uid-1"}
    assert api.asked[0].body["propagationPolicy"] == "Background"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidObjectError),
        (403, ForbiddenObjectError),
        (404, ObjectNotFoundError),
        (409, ObjectConflictError),
        (410, VersionGoneError),
        (422, InvalidObjectError),
        (429, ClusterError),
        (500, ClusterError),
    ],
)
def test_a_refusal_has_its_own_error_and_the_clusters_words(
    api: ApiServer, cluster: ApiCluster, status: int, error: type[ClusterError]
) -> None:
    api.answers += [(status, {"message": "because"}), (status, "<html>")]
    with pytest.raises(error, match="because") as caught:
        cluster.read(ONE)
    assert caught.type is error
    with pytest.raises(error, match="<html>"):
        cluster.read(ONE)


def test_a_cluster_that_is_not_there_is_an_error_of_the_same_kind() -> None:
    configuration = client.Configuration()
    configuration.host = "http://127.0.0.1:1"
    configuration.retries = 0
    with (
        client.ApiClient(configuration) as connection,
        pytest.raises(ClusterError, match="cannot be reached"),
    ):
        ApiCluster(connection, FIELD_MANAGER, BRIEF).read(ONE)


def test_a_list_is_read_to_its_last_page(api: ApiServer, cluster: ApiCluster) -> None:
    first = {
        "metadata": {"resourceVersion": "7", "continue": "more"},
        "items": [{"n": 1, "metadata": {}}],
    }
    last = {"metadata": {"resourceVersion": "7"}, "items": [{"n": 2, "metadata": {}}]}
    api.answers += [(200, first), (200, last)]
    listing = cluster.list_all(SESSION)
    assert ([item["n"] for item in listing.items], listing.version) == ([1, 2], "7")
    assert api.asked[1].query["continue"] == "more"


def test_a_watch_tells_one_event_after_the_other(api: ApiServer, cluster: ApiCluster) -> None:
    lines = [
        {"type": "ADDED", "object": {"n": 1}},
        {"type": "BOOKMARK", "object": {"n": 2}},
    ]
    api.answers.append((200, "".join(f"{json.dumps(line)}\n" for line in lines)))
    events = list(cluster.watch(SESSION, "7"))
    assert events == [Event("ADDED", {"n": 1}), Event("BOOKMARK", {"n": 2})]
    assert api.asked[0].query["resourceVersion"] == "7"
    assert api.asked[0].query["watch"] == "true"


def test_a_watch_from_too_long_ago_says_so(api: ApiServer, cluster: ApiCluster) -> None:
    gone = {"type": "ERROR", "object": {"code": 410, "message": "too old"}}
    api.answers.append((200, f"{json.dumps(gone)}\n"))
    with pytest.raises(VersionGoneError, match="too old"):
        list(cluster.watch(SESSION, "7"))


def test_a_token_is_reviewed_once_in_a_while(api: ApiServer, cluster: ApiCluster) -> None:
    extra = {f"authentication.kubernetes.io/pod-{part}": [part] for part in ("name", "uid")}
    user = {"username": "system:serviceaccount:raworc-team:raworc-session", "extra": extra}
    status = {"authenticated": True, "audiences": ["raworc-api"], "user": user}
    api.answers += [(201, {"status": status}), (201, {"status": {"authenticated": False}})]
    identity = PodIdentity("raworc-team", "raworc-session", "name", "uid")
    assert [cluster.review_token("good") for _ in range(3)] == [identity] * 3
    assert [cluster.review_token("bad") for _ in range(3)] == [None] * 3
    assert [asked.body["spec"]["token"] for asked in api.asked] == ["good", "bad"]
    assert api.asked[0].body["spec"]["audiences"] == ["raworc-api"]


def test_a_review_that_failed_is_not_kept(api: ApiServer, cluster: ApiCluster) -> None:
    api.answers += [(500, {}), (201, {"status": {}})]
    with pytest.raises(ClusterError):
        cluster.review_token("good")
    assert cluster.review_token("good") is None


def test_a_pod_that_ended_does_not_run(api: ApiServer, cluster: ApiCluster) -> None:
    def pod(phase: str) -> tuple[int, dict[str, Any]]:
        return (200, {"metadata": {"uid": "pod-1"}, "status": {"phase": phase}})

    api.answers += [pod("Running"), pod("Failed"), (404, {})]
    found = [cluster.running_pod_uid("raworc-team", "one") for _ in range(3)]
    assert found == ["pod-1", None, None]


def test_build_logs_come_from_every_container_of_the_newest_pod(
    api: ApiServer, cluster: ApiCluster
) -> None:
    def pod(name: str, created: str) -> dict[str, Any]:
        spec = {"initContainers": [{"name": "checkout"}], "containers": [{"name": "kaniko"}]}
        return {"metadata": {"name": name, "creationTimestamp": created}, "spec": spec}

    pods = [pod("new", "2026-01-02T00:00:00Z"), pod("old", "2026-01-01T00:00:00Z")]
    api.answers += [(200, {"items": pods}), (200, "cloned"), (400, {"message": "waiting"})]
    assert cluster.build_logs("raworc-team", "build-abc") == "==> checkout\ncloned\n"
    assert api.asked[0].query["labelSelector"] == "batch.kubernetes.io/job-name=build-abc"
    assert [asked.path for asked in api.asked[1:]] == [
        "/api/v1/namespaces/raworc-team/pods/new/log"
    ] * 2


def test_a_job_without_a_pod_has_no_logs(api: ApiServer, cluster: ApiCluster) -> None:
    api.answers.append((200, {"items": []}))
    with pytest.raises(ObjectNotFoundError, match="has no pod"):
        cluster.build_logs("raworc-team", "build-abc")
