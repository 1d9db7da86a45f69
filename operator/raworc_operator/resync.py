"""A slow look at everything: finds what no event told of, without writing where all is well.

Design note. Two things need a look at all objects: what changed while nobody watched (the operator
was down, a watch broke and listed anew), and what no event tells of (a delay that only the status
remembers, a node that fell silent). Both are the same work, and one thread does it.

* A look lists sessions, claims, pods and nodes once each, page by page, joins them in memory, and
  computes for each session the very plan and status that its reconcile would; only if there is
  something to write does it add the session to the queue. A thousand idle sessions cost a few
  lists, and no request each.
* Objects that kopf lists (event type None) start no reconciles, they `request` a look. It begins
  when no list has come in for half a second: so it reads everything after kopf has begun to watch,
  and what changes later is an event. A request during a look leads to another one.
* Each space is reconciled in every round, as much of it (its namespace, policies, accounts) is not
  listed. They are spread over the interval, so that a resync is no burst; the first round after a
  start is spread over seconds.
* The lists are dropped after the look, and carry no managedFields: between looks nothing is held.

A session that cannot be looked at is left to its own reconcile, which fails alone. A look that
fails is logged and repeated; the thread ends only with the operator. `problem` is for
liveness. It rests on docs/decisions/0015.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import ValidationError

from raworc_crds.agent_session import SessionSpec
from raworc_crds.names import session_claim_name, session_pod_name
from raworc_crds.wire import read
from raworc_kube.errors import ClusterError
from raworc_kube.objects import CLAIM, NODE, POD, SESSION, SPACE, Kind, Manifest, is_going
from raworc_operator.context import Context
from raworc_operator.labels import SESSION_COMPONENT, selector
from raworc_operator.nodes import is_lost, node_name
from raworc_operator.sessions.reconcile import needs_attention, trigger_again
from raworc_operator.sessions.view import SessionSnapshot

_logger = logging.getLogger(__name__)

RESYNC_SECONDS = 60.0
_QUIET_SECONDS, _LONGEST_WAIT_SECONDS, _RETRY_SECONDS = 0.5, 5.0, 5.0
_FIRST_SPREAD_SECONDS = 5.0
_STUCK_SECONDS = 300.0

Index = dict[tuple[str | None, str], Manifest]


class Resync:
    """Looks at all objects when asked to, and every minute."""

    def __init__(
        self,
        context: Context,
        seconds: float = RESYNC_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._context, self._seconds, self._clock = context, seconds, clock
        self._changed = threading.Condition()
        self._requested_at: float | None = None
        self._last_request = 0.0
        self._next = clock() + seconds
        self._stopped = False
        self._active_at = clock()
        self._spread = _FIRST_SPREAD_SECONDS
        self.looks = 0
        self.failures = 0
        self._thread = threading.Thread(target=self._run, name="resync", daemon=True)

    def start(self) -> None:
        """Begin; the first look comes with the first list, or after one interval."""
        self._thread.start()

    def stop(self) -> None:
        """Let no further look begin."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def request(self) -> None:
        """Look soon: once nobody has asked for a moment."""
        with self._changed:
            self._last_request = self._clock()
            if self._requested_at is None:
                self._requested_at = self._last_request
                self._changed.notify()

    def problem(self) -> str | None:
        """Say what is wrong with the thread itself; None while it works."""
        silent = self._clock() - self._active_at
        if not self._thread.is_alive() and not self._stopped:
            return "The thread of the resync ended."
        return f"The resync has hung for {silent:.0f} s." if silent > _STUCK_SECONDS else None

    def _run(self) -> None:
        while self._wait():
            try:
                look_at_everything(self._context, self._spread)
            except Exception as error:  # noqa: BLE001 - the thread must outlive any fault
                self._report(error)
            else:
                self.looks += 1
                self._spread = self._seconds

    def _report(self, error: Exception) -> None:
        self.failures += 1
        with self._changed:
            self._next = min(self._next, self._clock() + _RETRY_SECONDS)
        if isinstance(error, ClusterError):
            _logger.warning("The resync is repeated in %.0f s: %s", _RETRY_SECONDS, error)
        else:
            _logger.error("The resync failed", exc_info=error)

    def _wait(self) -> bool:
        """Wait until a look is due; False once the resync is stopped."""
        with self._changed:
            while not self._stopped:
                self._active_at = now = self._clock()
                due = self._due()
                if due <= now:
                    self._requested_at = None
                    self._next = now + self._seconds
                    return True
                self._changed.wait(due - now)
            return False

    def _due(self) -> float:
        if self._requested_at is None:
            return self._next
        quiet = self._last_request + _QUIET_SECONDS
        return min(self._next, quiet, self._requested_at + _LONGEST_WAIT_SECONDS)


def look_at_everything(context: Context, spread: float = 0.0) -> None:
    """Trigger all spaces within ``spread`` seconds, and now the sessions that something misses."""
    spaces = _index(context, SPACE)
    for number, (_, name) in enumerate(spaces):
        context.trigger_space(name, spread * number / len(spaces))
    found = _Found(
        spaces=spaces,
        claims=_index(context, CLAIM, selector(component=SESSION_COMPONENT)),
        pods=_index(context, POD, selector(component=SESSION_COMPONENT)),
        # After the pods: a node that a pod has and this list lacks is gone, and not new.
        nodes=_index(context, NODE),
    )
    context.lost_nodes.update(found.lost_nodes())
    for session in _index(context, SESSION).values():
        _look_at_session(context, found, session)


def _look_at_session(context: Context, found: "_Found", session: Manifest) -> None:
    name, namespace = session["metadata"]["name"], session["metadata"]["namespace"]
    try:
        view = found.view(session)
        if view is None or needs_attention(context, view):
            trigger_again(context, view, namespace, name)
    except Exception:  # noqa: BLE001 - one bad session must not hide all others
        # Its own reconcile meets the same fault, says so, and is repeated ever later.
        context.trigger_session(namespace, name)


@dataclass(frozen=True, slots=True)
class _Found:
    """What one look found beside the sessions."""

    spaces: Index
    claims: Index
    pods: Index
    nodes: Index

    def lost_nodes(self) -> set[str]:
        """Name the nodes of pods that surely run none of them."""
        names = filter(None, map(node_name, self.pods.values()))
        return {name for name in names if is_lost(self.nodes.get((None, name)))}

    def view(self, session: Manifest) -> SessionSnapshot | None:
        """Join a session with what belongs to it; None if its spec cannot be understood."""
        view = _view(session, self.spaces, self.claims, self.pods)
        node = node_name(view.pod) if view else None
        if view is None or node is None:
            return view
        return replace(view, node_is_lost=is_lost(self.nodes.get((None, node))))


def _view(session: Manifest, spaces: Index, claims: Index, pods: Index) -> SessionSnapshot | None:
    try:
        spec = read(SessionSpec, session["spec"])
    except ValidationError:
        return None
    name, namespace = session["metadata"]["name"], session["metadata"]["namespace"]
    return SessionSnapshot(
        session=session,
        spec=spec,
        space=spaces.get((None, spec.space)),
        claim=claims.get((namespace, session_claim_name(name))),
        pod=pods.get((namespace, session_pod_name(name))),
    )


def _index(context: Context, kind: Kind, labels: str = "") -> Index:
    return {
        (item["metadata"].get("namespace"), item["metadata"]["name"]): item
        for item in context.cluster.list_all(kind, labels=labels).items
        if kind is not SPACE or not is_going(item)
    }
