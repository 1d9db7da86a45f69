"""A Lease: one process at a time holds it.

The Kubernetes client brings an election of its own, but that one cannot be stopped or released.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from raworc_kube.client import Cluster
from raworc_kube.errors import ClusterError, ObjectNotFoundError
from raworc_kube.objects import LEASE, Key, Manifest

# A replica that was killed is followed after this time.
DURATION = 7
# A write may be under way for so long that one must start this much before the lease ends.
_MARGIN = 5
RENEW_SECONDS = 1.5

logger = logging.getLogger(__name__)


class Lease:
    """A Lease in the cluster, and what this replica knows of it.

    Clocks of machines differ, so another's lease ends when it was not renewed for its duration
    by the clock here; ``clock`` therefore counts seconds and never jumps.
    """

    def __init__(
        self,
        cluster: Cluster,
        key: Key,
        holder: str,
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._key = key
        self._holder = holder
        self._now = now
        self._clock = clock
        self._held_until = float("-inf")
        self._seen: tuple[object, ...] = ()
        self._seen_at = float("-inf")

    def holds(self) -> bool:
        """Say whether the lease is ours."""
        return self._clock() < self._held_until

    def may_write(self) -> bool:
        """Say whether it stays ours for as long as a write may take."""
        return self._clock() < self._held_until - _MARGIN

    def try_hold(self) -> bool:
        """Take the lease if it is free, or renew it if it is ours."""
        asked_at = self._clock()
        try:
            is_ours = self._try_hold(asked_at)
        except ClusterError as error:
            logger.info("The lease '%s' was not renewed: %s", self._key.name, error)
            return self.holds()
        self._held_until = asked_at + DURATION if is_ours else float("-inf")
        return is_ours

    def release(self) -> None:
        """Give the lease up, so that another replica need not wait for its end."""
        if not self.holds():
            return
        self._held_until = float("-inf")
        try:
            lease = self._cluster.read(self._key)
            if lease.get("spec", {}).get("holderIdentity") == self._holder:
                self._replace(lease, holder="", duration=1)
        except ClusterError as error:
            logger.info("The lease '%s' was not released: %s", self._key.name, error)

    def _try_hold(self, asked_at: float) -> bool:
        try:
            lease = self._cluster.read(self._key)
        except ObjectNotFoundError:
            self._cluster.create(self._new())
            return True
        if not self._is_free(lease.get("spec", {}), asked_at):
            return False
        self._replace(lease, holder=self._holder, duration=DURATION)
        return True

    def _is_free(self, spec: Manifest, asked_at: float) -> bool:
        holder = spec.get("holderIdentity")
        if holder in {None, "", self._holder}:
            return True
        seen = (holder, spec.get("renewTime"), spec.get("leaseTransitions"))
        if seen != self._seen:
            self._seen, self._seen_at = seen, asked_at
        return asked_at >= self._seen_at + int(spec.get("leaseDurationSeconds") or DURATION)

    def _replace(self, lease: Manifest, holder: str, duration: int) -> None:
        before = lease.get("spec", {})
        now = self._time()
        is_new = before.get("holderIdentity") != holder
        spec = {
            "holderIdentity": holder,
            "leaseDurationSeconds": duration,
            "acquireTime": now if is_new else before.get("acquireTime", now),
            "renewTime": now,
            "leaseTransitions": (before.get("leaseTransitions") or 0) + int(is_new),
        }
        # It carries the version that was read: of two replicas at once, one is refused.
        self._cluster.replace({**lease, "spec": spec})

    def _new(self) -> Manifest:
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.name,
            "metadata": {"name": self._key.name, "namespace": self._key.namespace},
            "spec": {
                "holderIdentity": self._holder,
                "leaseDurationSeconds": DURATION,
                "acquireTime": self._time(),
                "renewTime": self._time(),
                "leaseTransitions": 0,
            },
        }

    def _time(self) -> str:
        return self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
