"""What it means that a complete list lacks objects that the records know.

Few missing objects were deleted by somebody while nobody watched: their records go. So do those
that went with a deleted Space. But when many are missing at once and nothing explains it, it is
more likely that something went wrong (a restored etcd, a slip of `kubectl delete --all`) than that
somebody wished all these conversations away. Then nothing is deleted: the missing objects are
*held*, each record says so, and who runs the cluster decides by an annotation on the definition:

    kubectl annotate crd agentsessions.raworc.dev raworc.dev/missing-objects=recreate-1f2e3d4c

The value ends in a hash of what is missing, so that it decides this case and no later one.
Sessions may be looked at before the Spaces that explain their absence; so a hold is looked at
again every few seconds, and spoken of only when it stays (``docs/decisions/0022``).

The threads of the watches and of the outbox come here; one lock, held for a look at the database,
lets one of them decide at a time. The work itself is queued.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from raworc_api.core.database import Database
from raworc_api.mirror.identity import Identity, annotations, definition_key
from raworc_api.mirror.kinds import Kind
from raworc_api.mirror.outbox import RecordKey
from raworc_api.mirror.queue import Absence, Lane, WorkQueue
from raworc_crds.group import GROUP
from raworc_kube.client import Cluster

DECISION_ANNOTATION = f"{GROUP}/missing-objects"
DELETE, RECREATE = "delete", "recreate"

# How many may be missing without a question; of many records, a share of them.
_FEW = 10
_SHARE = 0.2
_LOOK_SECONDS = 5.0
_QUIET_SECONDS = 10.0
_REPEAT_SECONDS = 300.0

Missing = dict[RecordKey, str]

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Hold:
    """Objects of one kind that are missing, and what was said about it."""

    missing: Missing
    known: int
    identity: Identity
    since: float
    told_at: float | None = None

    def id(self) -> str:
        """Name exactly these objects."""
        text = "\n".join(sorted(f"{key} {uid}" for key, uid in self.missing.items()))
        return sha256(text.encode()).hexdigest()[:8]


class Absences:
    """Decides on objects that a list did not have."""

    def __init__(
        self,
        cluster: Cluster,
        database: Database,
        kinds: Mapping[str, Kind[Any]],
        queue: WorkQueue,
        clock: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._database = database
        self._kinds = kinds
        self._queue = queue
        self._clock = clock
        self._lock = threading.Lock()
        self._holds: dict[str, _Hold] = {}
        self._looked_at = clock()

    def note(self, kind_name: str, missing: Missing, known: int, identity: Identity) -> None:
        """Take in what a new list lacks of ``known`` records; it replaces an older list's."""
        with self._lock:
            former = self._holds.pop(kind_name, None)
            since = former.since if former else self._clock()
            hold = _Hold(missing, known, identity, since)
            hold.told_at = former.told_at if former and former.id() == hold.id() else None
            self._holds[kind_name] = hold
            self._judge(kind_name, hold)

    def look_again(self) -> None:
        """Decide again on what is held, now and then."""
        with self._lock:
            if self._clock() - self._looked_at < _LOOK_SECONDS:
                return
            self._looked_at = self._clock()
            for kind_name, hold in list(self._holds.items()):
                self._judge(kind_name, hold)

    def _judge(self, kind_name: str, hold: _Hold) -> None:
        kind = self._kinds[kind_name]
        with self._database() as db:
            known = kind.known(db)
            missing = {key: uid for key, uid in hold.missing.items() if known.get(key) == uid}
            unexplained = kind.unexplained(db, missing.keys())
        hold.missing = missing
        self._release(hold, missing.keys() - unexplained)
        hold.missing = {key: missing[key] for key in unexplained}
        if len(unexplained) <= max(_FEW, _SHARE * hold.known):
            self._release(hold, unexplained)
            del self._holds[kind_name]
            return
        self._follow_decision(kind_name, kind, hold)

    def _follow_decision(self, kind_name: str, kind: Kind[Any], hold: _Hold) -> None:
        definition = self._cluster.read(definition_key(kind.resource))
        decision = annotations(definition).get(DECISION_ANNOTATION)
        if decision == f"{DELETE}-{hold.id()}":
            logger.warning("%d missing objects: their records are deleted.", len(hold.missing))
            self._release(hold, hold.missing.keys())
            del self._holds[kind_name]
        elif decision == f"{RECREATE}-{hold.id()}":
            logger.warning("%d missing objects are created again.", len(hold.missing))
            with self._database() as db:
                kind.reset(db, hold.missing.keys())
                db.commit()
            self._queue.hint()
            del self._holds[kind_name]
        elif self._clock() - hold.since >= _QUIET_SECONDS:
            self._tell(kind_name, hold)

    def _release(self, hold: _Hold, keys: Any) -> None:  # noqa: ANN401 - a set or a view
        for key in keys:
            self._queue.put(Lane.IMPORTS, key, Absence(hold.missing[key], hold.identity))

    def _tell(self, kind_name: str, hold: _Hold) -> None:
        if hold.told_at is not None and self._clock() - hold.told_at < _REPEAT_SECONDS:
            return
        hold.told_at = self._clock()
        logger.warning("%s", self._question(kind_name, hold))
        for key, uid in hold.missing.items():
            self._queue.put(Lane.IMPORTS, key, Absence(uid, hold.identity, is_held=True))

    def _question(self, kind_name: str, hold: _Hold) -> str:
        definition = definition_key(self._kinds[kind_name].resource).name
        annotate = f"kubectl annotate --overwrite crd {definition} {DECISION_ANNOTATION}="
        return (
            f"{len(hold.missing)} of {hold.known} {kind_name} objects are missing from the "
            "cluster, and nobody was seen deleting them. Their records are kept. "
            f"To create the objects again: {annotate}{RECREATE}-{hold.id()} "
            f"To delete the records: {annotate}{DELETE}-{hold.id()}"
        )
