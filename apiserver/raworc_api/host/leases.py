"""Until when the word of a host holds, and what becomes of a host that does not speak.

Every request of a host renews its lease, which is stored with its session. Whatever writes the
session anyway (a claim, a turn that is taken or answered, the heartbeat of a busy host) writes the
lease as well. A poll of an idle host writes nothing: the replica notes whom it heard, and every 20
seconds stores the leases of all of them, a few hundred to a statement. Rows that somebody has
locked are passed over, so that nobody waits: whoever writes such a session renews its lease.

In the same round each replica looks for leases that have ended. The hosts of these sessions are
marked as silent, which state, event streams and custom resource show, until they speak again. They
are not fenced off: one that was cut off may hold an answer. After an outage all leases have ended
though everybody is well. So leases end only for a replica that has made its rounds, without a gap,
for so long that every host had the time to speak. This is decision 0027.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from raworc_api.core.database import Database
from raworc_api.core.threads import Threads
from raworc_api.core.wake import Bus, session_topic
from raworc_api.host import repository, turns
from raworc_api.host.pods import HostPod
from raworc_api.host.turns import LEASE
from raworc_api.sessions.repository import lock_session

_ROUND_SECONDS = 20.0
_GAP = timedelta(seconds=3 * _ROUND_SECONDS)
_NEVER = datetime.min.replace(tzinfo=UTC)
# So many rows are locked at once, for milliseconds.
_STEP = 200

logger = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Leases:
    """Renews the leases of the hosts that this replica hears, and ends those of silent ones."""

    database: Database
    bus: Bus
    threads: Threads
    now: Callable[[], datetime] = _now
    _heard: dict[str, str] = field(default_factory=dict)
    _looked_at: datetime = _NEVER
    _looking_since: datetime = _NEVER

    def note(self, session_id: str, pod: HostPod) -> None:
        """Note that a session's host spoke; called on the event loop."""
        self._heard[session_id] = pod.uid

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Make rounds for as long as the block lasts."""
        task = asyncio.create_task(self._go_round_for_ever())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def go_round(self) -> None:
        """Store the leases of all who were heard since the last round, and end those of others."""
        heard, self._heard = self._heard, {}
        await self.threads.run(self._renew, heard)
        await self.threads.run(self._end)

    async def _go_round_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_ROUND_SECONDS)
            try:
                await self.go_round()
            except Exception:
                # The next round does what this one did not; the hosts go on to speak.
                logger.exception("The leases of hosts were not all looked after.")

    def _renew(self, heard: dict[str, str]) -> None:
        session_ids, until = sorted(heard), self.now() + LEASE
        for first in range(0, len(session_ids), _STEP):
            step = session_ids[first : first + _STEP]
            with self.database() as db:
                repository.renew_leases(db, step, [heard[one] for one in step], until)
                db.commit()

    def _end(self) -> None:
        now = self.now()
        if now - self._looked_at > _GAP:
            self._looking_since = now
        self._looked_at = now
        if now - self._looking_since <= LEASE:
            return
        is_more = True
        while is_more:
            with self.database() as db:
                ended = repository.list_ended_leases(db, now, _STEP)
            for session_id in ended:
                self._end_one(session_id, now)
            is_more = len(ended) == _STEP

    def _end_one(self, session_id: str, now: datetime) -> None:
        with self.database() as db:
            session = lock_session(db, session_id)
            if session is None or not turns.end_lease(db, session, now):
                return
            db.commit()
        if session.host_silent:
            logger.warning("The host of session %s is silent: its lease has ended.", session_id)
            self.bus.publish(session_topic(session_id))
