"""What a turn costs the cluster, with the API's mirror and the operator both at work."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlmodel import select
from tests.component.raworc_operator.conftest import Bed, Eventually
from tests.component.raworc_operator.test_operator_on_cluster import (
    put_built_space,
    put_session,
    reason,
    start,
    status,
)

from raworc_api.cluster import FIELD_MANAGER, ApiCluster
from raworc_api.core.database import Database
from raworc_api.core.wake import Bus
from raworc_api.host.pods import HostPod
from raworc_api.host.schemas import AnswerBody, AnswerStatus, TurnView
from raworc_api.host.service import HostService
from raworc_api.messages.tables import MessageRecord
from raworc_api.mirror import outbox
from raworc_api.mirror.mirror import Mirror
from raworc_api.mirror.tables import OutboxRow
from raworc_api.sessions.tables import SessionRecord
from raworc_kube.client import BRIEF, connect
from raworc_kube.lease import Lease
from raworc_kube.objects import LEASE, POD, SESSION, Key

_WRITES = {"POST", "PUT", "PATCH", "APPLY", "DELETE"}
_OURS = {"spaces", "agentsessions", "pods", "persistentvolumeclaims", "events", "jobs"}
_COUNTER = re.compile(r"^apiserver_request_total\{(.*)\} (\S+)$", re.MULTILINE)


def writes(bed: Bed) -> int:
    """Count the writes that the cluster has taken of all that a session has."""
    total = 0
    for labels, number in _COUNTER.findall(bed.api.text("/metrics")):
        named = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if named["verb"] in _WRITES and named["resource"] in _OURS:
            total += int(float(number))
    return total


class Talk:
    """The one session, from its host's side and its user's."""

    def __init__(self, bed: Bed, database: Database, bus: Bus) -> None:
        self._database = database
        self._service = HostService(database, bus)
        self._bus = bus
        uid = (bed.get(POD, "talk") or {})["metadata"]["uid"]
        self._pod = HostPod(bed.space, "talk", uid, bed.namespace)

    def claim(self) -> None:
        self._service.claim(self._pod)
        self._bus.publish(outbox.TOPIC)

    def ask(self) -> TurnView:
        """Send a message, and begin its turn."""
        with self._database() as db:
            session = db.exec(select(SessionRecord)).one()
            session.revision += 1
            session.next_seq += 1
            message = MessageRecord(
                id=str(uuid4()),
                session_id=session.id,
                seq=session.next_seq - 1,
                revision=session.revision,
                role="user",
                content="Hello",
                status="queued",
                created_by="ann",
                created_at=datetime.now(UTC),
            )
            db.add(message)
            db.commit()
        turn = self._service.take(self._pod)
        assert turn is not None
        return turn

    def answer(self, turn: TurnView) -> None:
        body = AnswerBody(
            message_id=turn.message.id, attempt=turn.message.attempt, status=AnswerStatus.ANSWERED
        )
        assert self._service.answer(self._pod, body) is None


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def mirror(bed: Bed, namespace: str, database: Database, bus: Bus) -> Iterator[Mirror]:
    """Run the API's mirror beside the operator."""
    assert bed
    cluster = ApiCluster(connect(BRIEF), FIELD_MANAGER, BRIEF)
    key = Key(LEASE, "raworc-mirror", namespace)
    lease = Lease(cluster, key, "test", lambda: datetime.now(UTC), time.monotonic)
    mirror = Mirror(cluster, database, bus, lease, "raworc-")
    mirror.start()
    yield mirror
    mirror.stop()


@pytest.mark.usefixtures("mirror")
def test_a_turn_costs_the_cluster_at_most_three_writes(
    bed: Bed, database: Database, bus: Bus, eventually: Eventually
) -> None:
    def is_(state: str) -> bool:
        return status(bed).get("state") == state

    def is_recorded() -> bool:
        with database() as db:
            return db.exec(select(SessionRecord.uid)).first() is not None

    def is_reported() -> bool:
        with database() as db:
            return db.exec(select(OutboxRow)).first() is None

    put_built_space(bed)
    put_session(bed)
    with bed.operator():
        start(bed, eventually)
        eventually(is_recorded)
        talk = Talk(bed, database, bus)
        talk.claim()
        eventually(lambda: reason(bed, SESSION, "HostReady") == "HostReported")
        before = writes(bed)
        # What the first one costs late is among the writes by the end of the last one.
        for _ in range(3):
            turn = talk.ask()
            eventually(lambda: is_("busy"))
            talk.answer(turn)
            eventually(lambda: is_("idle"))
        long = writes(bed) - before
        for _ in range(20):
            talk.answer(talk.ask())
        eventually(is_reported)
        quick = writes(bed) - before - long
    # One when the turn is seen to be long, and one at its end.
    assert long == 3 * 2
    # Twenty that are over within a second: the cluster hears of none, or of the last two.
    assert quick <= 2
