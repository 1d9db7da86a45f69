"""Hosts that speak, hosts that fall silent, and what each costs the database."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import select
from tests.support.api_bed import ApiBed, say
from tests.support.statements import counted

from raworc_api.host.leases import Leases
from raworc_api.host.turns import LEASE
from raworc_api.mirror.tables import OutboxRow
from raworc_api.sessions.tables import SessionRecord

ROUND = timedelta(seconds=20)


class Rounds:
    """The rounds of one replica, at times as a test wants them."""

    def __init__(self, bed: ApiBed) -> None:
        self._replica = bed.replicas[0]
        self._leases: Leases = bed.replicas[0].services.leases
        self._leases.now = self.now
        # The test before may have been in the future.
        self._leases._looked_at = self._leases._looking_since = datetime.min.replace(tzinfo=UTC)
        self._leases._heard = {}
        self.time = datetime.now(UTC)

    def now(self) -> datetime:
        return self.time

    def go(self) -> None:
        """Make one round, now."""
        loop = self._replica.bus._loop
        assert loop is not None
        asyncio.run_coroutine_threadsafe(self._leases.go_round(), loop).result(20)

    def pass_(self, time: timedelta) -> None:
        """Let time pass, with a round every twenty seconds."""
        end = self.time + time
        while self.time < end:
            self.time += ROUND
            self.go()


@pytest.fixture
def rounds(bed: ApiBed) -> Rounds:
    return Rounds(bed)


def record(bed: ApiBed, name: str = "one") -> SessionRecord:
    with bed.database() as db:
        return db.exec(select(SessionRecord).where(SessionRecord.name == name)).one()


def state(bed: ApiBed, session: str) -> str:
    return str(bed.client("ann").get(f"/sessions/{session}").json()["state"])


def test_a_host_that_polls_keeps_its_session_idle(bed: ApiBed, rounds: Rounds) -> None:
    session, host = bed.session(bed.client("ann"), name="one"), bed.host("one")
    for _ in range(8):
        assert host.poll().status_code == 204
        rounds.pass_(timedelta(seconds=60))
    assert state(bed, session) == "idle"


def test_a_poll_writes_nothing_and_one_round_stores_the_leases_of_all(
    bed: ApiBed, rounds: Rounds, engine: Engine
) -> None:
    ann, names = bed.client("ann"), [f"s{number}" for number in range(20)]
    for name in names:
        bed.session(ann, name=name)
    hosts = [bed.host(name) for name in names]
    with counted(engine) as statements:
        for host in hosts:
            host.poll()
    assert statements.with_text("UPDATE") == []
    rounds.time += timedelta(seconds=30)
    with counted(engine) as statements:
        rounds.go()
    assert len(statements.with_text("UPDATE sessions")) == 1
    leases = {record(bed, name).host_lease_until for name in names}
    assert leases == {rounds.time + LEASE}


def test_a_host_that_stopped_to_speak_is_shown_as_silent_until_it_speaks(
    bed: ApiBed, rounds: Rounds
) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    host.poll()
    rounds.pass_(timedelta(seconds=100))
    assert state(bed, session) == "idle"
    with ann.stream("GET", f"/sessions/{session}/events") as stream:
        lines = (line for line in stream.iter_lines() if '"state":' in line)
        assert '"state":"idle"' in next(lines)
        rounds.pass_(timedelta(seconds=200))
        assert '"state":"errored"' in next(lines)
        assert [one["id"] for one in ann.get("/sessions?state=errored").json()] == [session]
        host.poll()
        assert '"state":"idle"' in next(lines)
    assert record(bed).host_lease_until is not None


def test_the_cluster_is_told_of_a_silent_host(bed: ApiBed, rounds: Rounds) -> None:
    bed.session(bed.client("ann"), name="one")
    bed.host("one")
    with bed.database() as db:
        for row in db.exec(select(OutboxRow)):
            db.delete(row)
        db.commit()
    rounds.pass_(timedelta(seconds=300))
    with bed.database() as db:
        assert [(row.name, row.is_report) for row in db.exec(select(OutboxRow))] == [("one", True)]


def test_a_host_that_fell_silent_in_a_turn_may_still_answer(bed: ApiBed, rounds: Rounds) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    say(ann, session, "long")
    message = host.take()["message"]
    rounds.pass_(timedelta(seconds=300))
    assert state(bed, session) == "errored"
    assert host.heartbeat(message).json() == {"cancel": False}
    assert state(bed, session) == "busy"
    rounds.pass_(timedelta(seconds=300))
    assert state(bed, session) == "errored"
    assert host.answer(message).status_code == 200
    assert state(bed, session) == "idle"


def test_a_heartbeat_renews_the_lease(bed: ApiBed) -> None:
    ann = bed.client("ann")
    session, host = bed.session(ann, name="one"), bed.host("one")
    say(ann, session, "long")
    message = host.take()["message"]
    host.heartbeat(message)
    before = record(bed).host_lease_until
    host.heartbeat(message)
    after = record(bed).host_lease_until
    assert before is not None
    assert after is not None
    assert after > before


def test_after_an_outage_every_host_has_the_time_to_speak(bed: ApiBed, rounds: Rounds) -> None:
    session = bed.session(bed.client("ann"), name="one")
    bed.host("one")
    rounds.pass_(timedelta(seconds=60))
    # No round could be made meanwhile, and no host be heard.
    rounds.time += timedelta(hours=1)
    rounds.go()
    rounds.pass_(LEASE - ROUND)
    assert state(bed, session) == "idle"
    rounds.pass_(2 * ROUND)
    assert state(bed, session) == "errored"


def test_a_round_waits_for_no_row_that_is_locked(bed: ApiBed, rounds: Rounds) -> None:
    ann = bed.client("ann")
    for name in ("one", "two"):
        bed.session(ann, name=name)
        bed.host(name).poll()
    before = record(bed).host_lease_until
    rounds.time += timedelta(seconds=60)
    with bed.database() as db:
        db.exec(select(SessionRecord).where(SessionRecord.name == "one").with_for_update()).one()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(rounds.go).result(timeout=3)
    assert record(bed).host_lease_until == before
    assert record(bed, "two").host_lease_until == rounds.time + LEASE


def test_a_session_without_a_host_is_never_silent(bed: ApiBed, rounds: Rounds) -> None:
    session, host = bed.session(bed.client("ann"), name="one"), bed.host("one")
    host.release()
    other = bed.session(bed.client("ann"), name="two")
    bed.host("two")
    with bed.database() as db:
        lost = db.exec(select(SessionRecord).where(SessionRecord.name == "two")).one()
        lost.host_pod_uid = lost.host_state = None
        db.commit()
    rounds.pass_(timedelta(seconds=300))
    assert (state(bed, session), state(bed, other)) == ("init", "init")
    assert record(bed, "two").host_lease_until is None


def test_a_replaced_pod_that_still_polls_renews_no_lease(bed: ApiBed, rounds: Rounds) -> None:
    bed.session(bed.client("ann"), name="one")
    first = bed.host("one")
    first.poll()
    bed.host("one")
    before = record(bed).host_lease_until
    rounds.time += timedelta(seconds=60)
    rounds.go()
    assert record(bed).host_lease_until == before
