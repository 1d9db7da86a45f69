"""A slow look at everything: finds what no event told of, without writing where all is well."""

import logging
import threading

from pydantic import ValidationError

from raworc_crds.agent_session import SessionSpec
from raworc_crds.names import session_claim_name, session_pod_name
from raworc_kube.errors import ClusterError
from raworc_kube.objects import CLAIM, POD, SESSION, SPACE, Kind, Manifest, is_going
from raworc_operator.context import Context
from raworc_operator.labels import SESSION_COMPONENT, selector
from raworc_operator.sessions.reconcile import needs_attention
from raworc_operator.sessions.view import SessionSnapshot
from raworc_operator.spaces.reconcile import trigger_session, trigger_space

_logger = logging.getLogger(__name__)

RESYNC_SECONDS = 60.0

Index = dict[tuple[str | None, str], Manifest]


class Resync:
    """Looks at all objects every minute."""

    def __init__(self, context: Context, seconds: float = RESYNC_SECONDS) -> None:
        self._world, self._seconds = context, seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="resync", daemon=True)

    def start(self) -> None:
        """Begin; the first look comes after one interval, as a start sees all objects anyway."""
        self._thread.start()

    def stop(self) -> None:
        """Let no further look begin."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            try:
                look_at_everything(self._world)
            except ClusterError as error:
                _logger.warning("The resync is left out: %s", error)


def look_at_everything(context: Context) -> None:
    """Trigger all spaces, and those sessions of which something would change."""
    spaces = _index(context, SPACE)
    claims = _index(context, CLAIM, selector(component=SESSION_COMPONENT))
    pods = _index(context, POD, selector(component=SESSION_COMPONENT))
    for _, name in spaces:
        trigger_space(context, name)
    for (namespace, name), session in _index(context, SESSION).items():
        view = _view(session, spaces, claims, pods)
        if view is None or needs_attention(context, view):
            trigger_session(context, str(namespace), name)


def _view(session: Manifest, spaces: Index, claims: Index, pods: Index) -> SessionSnapshot | None:
    try:
        spec = SessionSpec.model_validate(session["spec"])
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
