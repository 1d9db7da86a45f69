"""Runs the operator: ``python -m raworc_operator``."""

import logging
import os
import sys
from concurrent.futures import Executor, ThreadPoolExecutor

import kopf

from raworc_kube.client import KubernetesCluster, connect
from raworc_kube.errors import ClusterError
from raworc_operator.context import Context
from raworc_operator.kopf_settings import operator_settings
from raworc_operator.labels import MANAGED_BY
from raworc_operator.resync import Resync
from raworc_operator.settings import Settings, from_environment
from raworc_operator.workqueue import WorkQueue
from raworc_sources.git import Git
from raworc_sources.registry import ImageRegistry, RegistryError

# Reconciles wait for the network nearly all of their time.
_SESSION_THREADS, _SPACE_THREADS = 16, 8
_TRANSIENT = (ClusterError, RegistryError)
_LIVENESS = "http://0.0.0.0:8081/healthz"


def make_context(settings: Settings, executor: Executor) -> Context:
    """Wire what the reconciles are given; ``executor`` is kopf's, and runs those of sessions."""
    space_executor = ThreadPoolExecutor(_SPACE_THREADS, thread_name_prefix="space")
    return Context(
        cluster=KubernetesCluster(connect(), MANAGED_BY),
        registry=ImageRegistry(
            settings.registry_push,
            insecure=settings.registry_insecure,
            accounts=settings.registry_push_account,
            authorities=settings.authorities_file,
        ),
        git=Git(settings.internal_git_hosts, settings.authorities_file),
        settings=settings,
        session_queue=WorkQueue(executor, _TRANSIENT),
        space_queue=WorkQueue(space_executor, _TRANSIENT),
    )


def main() -> None:
    """Run until told to stop."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # Neither a probe nor an event that came in is news; what was done of it is told by who does it.
    for name in ("aiohttp.access", "kopf.objects"):
        logging.getLogger(name).setLevel(logging.WARNING)
    executor = ThreadPoolExecutor(_SESSION_THREADS, thread_name_prefix="session")
    context = make_context(from_environment(os.environ), executor)
    turns = (context.session_queue, context.space_queue)
    for each in turns:
        each.start()
    Resync(context).start()
    kopf.run(
        clusterwide=True,
        standalone=True,
        # Else kopf asks for the name of a user, which a numeric one has not.
        identity="raworc-operator",  # type: ignore[arg-type]  # its type is not public
        settings=operator_settings(executor),
        memo=kopf.Memo(context=context),
        liveness_endpoint=_LIVENESS,
    )
    for each in turns:
        each.stop()
    # A pass that waits for the network would hold the process back; each may be cut off anywhere.
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
