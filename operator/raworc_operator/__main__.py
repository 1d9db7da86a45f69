"""Runs the operator: ``python -m raworc_operator``."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import kopf

from raworc_kube.client import KubernetesCluster, connect
from raworc_kube.errors import ClusterError
from raworc_operator.builds.images import GONE_SPACES_SECONDS, remove_gone_spaces
from raworc_operator.builds.sources import LocalSources
from raworc_operator.context import Context
from raworc_operator.kopf_settings import operator_settings
from raworc_operator.labels import MANAGED_BY
from raworc_operator.resync import Resync
from raworc_operator.sessions.reconcile import reconcile_session
from raworc_operator.settings import Settings, from_environment
from raworc_operator.spaces.reconcile import reconcile_space
from raworc_operator.workqueue import WorkQueue
from raworc_sources.problems import SourceError

# Reconciles wait for the network nearly all of their time.
_SESSION_THREADS, _SPACE_THREADS = 16, 8
# What passes by itself, and needs no traceback in the log.
_EXPECTED = (ClusterError, SourceError)
_LIVENESS = "http://0.0.0.0:8081/healthz"


def make_queues() -> tuple[WorkQueue, WorkQueue]:
    """Make the queue of the sessions and the one of the spaces."""
    return (
        WorkQueue("sessions", _SESSION_THREADS, _EXPECTED),
        WorkQueue("spaces", _SPACE_THREADS, _EXPECTED),
    )


def make_context(settings: Settings) -> Context:
    """Wire what the reconciles are given."""
    session_queue, space_queue = make_queues()
    return Context(
        cluster=KubernetesCluster(connect(), MANAGED_BY),
        sources=LocalSources(),
        settings=settings,
        session_queue=session_queue,
        space_queue=space_queue,
    )


@contextmanager
def running_threads(context: Context) -> Iterator[kopf.Memo]:
    """Run the queues and the resync; the handlers find them in the memo."""
    resync = Resync(context)
    context.session_queue.start(
        lambda key: reconcile_session(context, str(key.namespace), key.name)
    )
    context.space_queue.start(lambda key: reconcile_space(context, key.name))
    resync.start()
    if context.settings.registry_is_own:
        sweep = partial(remove_gone_spaces, context)
        context.space_queue.add("images of gone spaces", GONE_SPACES_SECONDS, sweep)
    try:
        yield kopf.Memo(context=context, resync=resync)
    finally:
        for thread in (resync, context.session_queue, context.space_queue):
            thread.stop()


def main() -> None:
    """Run until told to stop."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # Neither a probe nor an event that came in is news; what was done of it is told by who does it.
    for name in ("aiohttp.access", "kopf.activities.probe", "kopf.objects"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with running_threads(make_context(from_environment(os.environ))) as memo:
        kopf.run(
            clusterwide=True,
            standalone=True,
            # Else kopf asks for the name of a user, which a numeric one has not.
            identity="raworc-operator",  # type: ignore[arg-type]  # its type is not public
            settings=operator_settings(),
            memo=memo,
            liveness_endpoint=_LIVENESS,
        )
    # What still waits for the network would hold the process back; it may be cut off anywhere.
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
