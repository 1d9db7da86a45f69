"""The real host at the real API, with a MySQL, and a kube-apiserver that reviews its tokens."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine
from sqlmodel import select
from tests.component.raworc_host.fake_api import FakeApi, FakeServer
from tests.component.raworc_host.session_bed import Bed, Pod
from tests.support.api_bed import SPACE, ApiBed, Replica, messages, running_replicas, say
from tests.support.kubernetes import KubeApi, Manifest
from tests.support.memory_cluster import MemoryCluster

from raworc_api.cluster import FIELD_MANAGER, ApiCluster
from raworc_api.core.database import Database
from raworc_api.sessions.tables import SessionRecord
from raworc_crds.group import TOKEN_AUDIENCE
from raworc_crds.names import SESSION_ACCOUNT
from raworc_kube.client import BRIEF

NAMESPACE = f"raworc-{SPACE}"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
CONTAINER = {"name": "host", "image": "none"}
HANDLER = "def process_message(message, context):\n    "
GATED = (
    "from pathlib import Path\n"
    f"{HANDLER}if message == 'quick': return 'at once'\n"
    "    Path('began').write_bytes(b'x')\n"
    "    Path('gate').read_bytes()\n"
    "    return f\"late, attempt {context['attempt']}\""
)


@pytest.fixture(scope="module")
def cluster(kube_api: KubeApi) -> ApiCluster:
    """Return the cluster with the namespace of a space."""
    kube_api.make_namespace(NAMESPACE)
    accounts = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
    kube_api.ask("POST", accounts, {"metadata": {"name": SESSION_ACCOUNT}})
    return ApiCluster(kube_api.client(), FIELD_MANAGER, BRIEF)


@pytest.fixture(scope="module")
def replica(migrated: Engine, cluster: ApiCluster) -> Iterator[Replica]:
    with running_replicas(migrated, cluster, 1) as (replica,):
        yield replica


class Joint:
    """One session with its user, and pods of it as a test wants them."""

    def __init__(self, bed: Bed, api: ApiBed, kube: KubeApi) -> None:
        self.bed = bed
        self.ann = api.client("ann")
        self.session = api.session(self.ann, name="one", metadata={"team": "red"})
        self._api = api
        self._kube = kube

    def make_pod(self, account: str = SESSION_ACCOUNT, audience: str = TOKEN_AUDIENCE) -> None:
        """Have a new pod in the place of an earlier one, and its token for hosts to come."""
        self.delete_pod()
        spec = {"serviceAccountName": account, "containers": [CONTAINER]}
        pod = self._kube.ask("POST", PODS, {"metadata": {"name": "one"}, "spec": spec})
        self.bed.token.write_text(self._token(account, audience, pod))

    def delete_pod(self) -> None:
        if self._kube.find(f"{PODS}/one") is not None:
            self._kube.ask("DELETE", f"{PODS}/one", {"gracePeriodSeconds": 0})

    def start(self) -> Pod:
        """Start a new pod, and wait for its claim."""
        self.make_pod()
        before = self.record().host_pod_uid
        pod = self.bed.start(wait=False)
        self.until(lambda: self.record().host_pod_uid not in {None, before})
        return pod

    def record(self) -> SessionRecord:
        with self._api.database() as db:
            return db.exec(select(SessionRecord)).one()

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < deadline, "It did not come to be."
            time.sleep(0.02)

    def say(self, text: str, **more: object) -> dict[str, Any]:
        return say(self.ann, self.session, text, **more)

    def answer_to(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Wait until a message is done with; return its answer, or itself where it has none."""
        self.until(lambda: self.status(asked) not in {"queued", "processing"})
        all_ = messages(self.ann, self.session)
        return next(
            (one for one in all_ if one["reply_to"] == asked["id"]),
            next(one for one in all_ if one["id"] == asked["id"]),
        )

    def ask(self, text: str, **more: object) -> dict[str, Any]:
        return self.answer_to(self.say(text, **more))

    def status(self, asked: dict[str, Any]) -> str:
        found = self.ann.get(f"/sessions/{self.session}/messages/{asked['id']}")
        return str(found.json()["status"])

    def gate(self) -> None:
        """Put an agent into the image that says when it began, and waits until it may answer."""
        self.bed.agent("gated", GATED)
        for name in ("began", "gate"):
            os.mkfifo(self.bed.session / name)

    def wait_until_begun(self) -> None:
        (self.bed.session / "began").read_bytes()

    def let_answer(self) -> None:
        (self.bed.session / "gate").write_bytes(b"x")

    def _token(self, account: str, audience: str, pod: Manifest) -> str:
        return self._kube.as_account(NAMESPACE, account, audience, pod).token


@pytest.fixture
def joint(
    tmp_path: Path, replica: Replica, kube_api: KubeApi, database: Database
) -> Iterator[Joint]:
    api = ApiBed([replica], database, MemoryCluster())
    api.account("admin", "admin")
    api.account("ann")
    api.space(settings={"tone": "kind"})
    # Of the fake one only the address is used, which is the real one's.
    nobody = FakeServer(FakeApi())
    nobody.port = httpx2.URL(replica.hosts_url).port or 0
    bed = Bed(tmp_path, nobody)
    joint = Joint(bed, api, kube_api)
    try:
        yield joint
    finally:
        bed.close()
        joint.delete_pod()
        api.close()
        if (tmp_path / "output").exists():
            sys.stdout.write(bed.output())


def test_a_message_is_answered_with_what_the_claim_and_the_turn_told(joint: Joint) -> None:
    names = ("session_id", "space", "created_by", "attempt", "metadata", "settings", "history")
    joint.bed.agent(
        "tell", f"import json\n{HANDLER}return json.dumps([context[n] for n in {names}])"
    )
    joint.start()
    first = joint.ask("hi", metadata={"tier": "gold"})
    assert (first["role"], first["agent"]) == ("agent", "tell")
    assert first["metadata"] == {"agent": "tell", "chosen_by": "only"}
    metadata = '{"team": "red", "tier": "gold"}'
    assert first["content"] == (
        f'["{joint.session}", "{SPACE}", "ann", 1, {metadata}, {{"tone": "kind"}}, []]'
    )
    second = joint.ask("again")
    assert '"content": "hi"' in second["content"]
    assert joint.record().host_state == "idle"


def test_messages_are_answered_in_order_whenever_they_come(joint: Joint) -> None:
    joint.bed.example("echo")
    early = [joint.say(str(number)) for number in range(5)]
    joint.start()
    late = [joint.say(str(number)) for number in range(5, 8)]
    joint.answer_to(late[-1])
    answers = [one for one in messages(joint.ann, joint.session) if one["role"] == "agent"]
    assert [one["reply_to"] for one in answers] == [one["id"] for one in early + late]
    assert [one["content"] for one in answers] == [str(number) for number in range(8)]


def test_pieces_reach_who_follows_before_the_answer(joint: Joint) -> None:
    joint.bed.agent(
        "pieces",
        "from pathlib import Path\n"
        "def process_message(message, context):\n"
        "    yield 'one '\n    Path('gate').read_bytes()\n    yield 'two'",
    )
    os.mkfifo(joint.bed.session / "gate")
    joint.start()
    heard = []
    with joint.ann.sse(f"/sessions/{joint.session}/events") as events:
        asked = joint.say("go")
        for event in events:
            if event.event == "piece":
                heard.append(json.loads(event.data))
                if len(heard) == 1:
                    joint.let_answer()
            if event.event == "message" and json.loads(event.data)["reply_to"] == asked["id"]:
                break
    assert heard[0] == {"message_id": asked["id"], "attempt": 1, "index": 0, "text": "one "}
    assert [piece["index"] for piece in heard] == list(range(len(heard)))
    assert json.loads(event.data)["content"] == "one two"


def test_an_answer_of_many_mebibytes_arrives_whole(joint: Joint) -> None:
    text = '\\u2028\\\\ \\"quoted\\" \\x07'
    joint.bed.agent("much", f'{HANDLER}return "{text}" * 400_000')
    joint.start()
    assert joint.ask("go")["content"] == '\u2028\\ "quoted" \x07' * 400_000


def test_a_failure_is_told_with_its_reason_and_the_next_message_is_answered(joint: Joint) -> None:
    joint.bed.agent(
        "moody", f"{HANDLER}if message == 'no': raise ValueError('not that')\n    return 'yes'"
    )
    joint.start()
    failed = joint.ask("no")
    assert (failed["status"], failed["error"]["reason"]) == ("failed", "AgentError")
    assert "not that" in failed["error"]["message"]
    assert joint.ask("yes")["content"] == "yes"


def test_a_running_turn_is_cancelled_and_the_next_message_answered(joint: Joint) -> None:
    joint.gate()
    joint.start()
    asked = joint.say("long")
    joint.wait_until_begun()
    cancelled = joint.ann.post(f"/sessions/{joint.session}/messages/{asked['id']}/cancel")
    assert cancelled.status_code == 200
    assert joint.answer_to(asked)["status"] == "cancelled"
    assert joint.ask("quick")["content"] == "at once"


def test_a_long_turn_is_activity_and_renews_the_lease(joint: Joint) -> None:
    joint.gate()
    joint.start()
    asked = joint.say("long")
    before = joint.record()
    joint.wait_until_begun()
    # The first heartbeat comes half a second later.
    joint.until(lambda: joint.record().last_activity_at > before.last_activity_at)
    during = joint.record()
    assert during.host_state == "busy"
    assert during.host_lease_until is not None
    assert before.host_lease_until is not None
    assert during.host_lease_until > before.host_lease_until
    joint.let_answer()
    assert joint.answer_to(asked)["content"] == "late, attempt 1"


def test_a_pod_that_was_replaced_leaves_and_its_message_is_answered_once(joint: Joint) -> None:
    joint.gate()
    first = joint.start()
    asked = joint.say("long")
    joint.wait_until_begun()
    # As on a node that was lost and runs on.
    joint.bed.socket = joint.bed.socket.with_name("second.sock")
    joint.start()
    assert first.host.wait(10) == 3
    first.runner.terminate()
    assert first.runner.wait(10) == 0
    joint.wait_until_begun()
    joint.let_answer()
    assert joint.answer_to(asked)["content"] == "late, attempt 2"
    answers = [one for one in messages(joint.ann, joint.session) if one["role"] == "agent"]
    assert len(answers) == 1


def test_an_idle_host_that_was_replaced_leaves_at_once(joint: Joint) -> None:
    joint.bed.example("echo")
    first = joint.start()
    joint.ask("hi")
    joint.bed.socket = joint.bed.socket.with_name("second.sock")
    joint.start()
    assert first.host.wait(10) == 3
    assert joint.ask("hi")["content"] == "hi"


def test_a_stop_ends_the_turn_releases_the_session_and_leaves_the_rest(joint: Joint) -> None:
    joint.gate()
    pod = joint.start()
    asked = joint.say("long")
    joint.wait_until_begun()
    closing = joint.ann.post(f"/sessions/{joint.session}/close")
    assert closing.status_code == 200
    pod.terminate()
    joint.let_answer()
    assert pod.wait(10) == 0
    assert joint.answer_to(asked)["content"] == "late, attempt 1"
    record = joint.record()
    assert (record.host_pod_uid, record.host_state, record.host_lease_until) == (None, None, None)
    assert joint.ann.get(f"/sessions/{joint.session}").json()["state"] == "closed"


def test_a_stop_of_an_idle_host_does_not_wait_out_the_poll(joint: Joint) -> None:
    joint.bed.example("echo")
    pod = joint.start()
    joint.ask("hi")
    pod.terminate()
    assert pod.wait(5) == 0
    assert joint.record().host_pod_uid is None


def test_a_pod_that_is_gone_gets_no_session(joint: Joint) -> None:
    joint.bed.example("echo")
    joint.make_pod()
    joint.start()
    joint.bed.socket = joint.bed.socket.with_name("second.sock")
    # Its token is known here, and still the cluster is asked whether the pod is there.
    joint.delete_pod()
    late = joint.bed.start(wait=False)
    assert late.host.wait(10) == 3


@pytest.mark.parametrize(
    ("account", "audience"), [("default", TOKEN_AUDIENCE), (SESSION_ACCOUNT, "somebody-else")]
)
def test_only_a_session_pod_with_a_token_for_this_api_is_heard(
    joint: Joint, replica: Replica, account: str, audience: str
) -> None:
    joint.make_pod(account, audience)
    token = joint.bed.token.read_text()
    with httpx2.Client(
        base_url=f"{replica.hosts_url}/api/v0",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
    ) as host:
        status = host.post("/host/claim", json={}).status_code
    assert status == (403 if account == "default" else 401)
    assert joint.record().host_pod_uid is None
