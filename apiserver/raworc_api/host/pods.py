"""Which pod asks, and which session is its own: proved by the pod's projected token."""

import time
from dataclasses import dataclass, field
from hashlib import sha256

from jose import JWTError, jwt

from raworc_api.cluster import Cluster, PodIdentity
from raworc_api.core.cache import ExpiringCache
from raworc_api.core.problems import (
    FencedProblem,
    ForbiddenProblem,
    UnauthenticatedProblem,
    UnavailableProblem,
)
from raworc_crds.names import SESSION_ACCOUNT
from raworc_kube.errors import ClusterError

# A token ends with its pod. That it is believed for a while after opens nothing: which pod is the
# host of a session is the database's word, and a claim asks the cluster if the pod exists. Never
# is a token believed beyond the end that it names. Hosts poll once a minute, and would have each
# poll cost a review if tokens were kept for less than some polls.
_KEPT_TOKENS = 16_384
_KEPT_SECONDS = 600.0
_UNDATED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class HostPod:
    """A session's pod; the pod has the session's name."""

    space: str
    session: str
    uid: str
    namespace: str


@dataclass(frozen=True, slots=True)
class PodReader:
    """Knows pods by their tokens."""

    cluster: Cluster
    namespace_prefix: str
    kept: ExpiringCache[HostPod] = field(
        default_factory=lambda: ExpiringCache(_KEPT_TOKENS, time.monotonic)
    )

    def known(self, token: str) -> HostPod | None:
        """Return the pod that a token proved some seconds ago, without asking the cluster."""
        kept = self.kept.get(_key(token))
        return None if kept is None else kept[0]

    def read(self, token: str) -> HostPod:
        """Return the pod that a token proves, if it is a session's pod."""
        pod = self._read(token)
        self.kept.put(_key(token), pod, min(_KEPT_SECONDS, _seconds_left(token)))
        return pod

    def _read(self, token: str) -> HostPod:
        identity = self._review(token)
        if identity is None:
            raise UnauthenticatedProblem("The token does not prove a pod of this cluster.")
        return session_pod(identity, self.namespace_prefix)

    def confirm(self, pod: HostPod) -> None:
        """Refuse a pod that is gone, by the cluster's word of this moment."""
        try:
            uid = self.cluster.running_pod_uid(pod.namespace, pod.session)
        except ClusterError as error:
            raise UnavailableProblem("The cluster does not answer.") from error
        if uid != pod.uid:
            raise FencedProblem("The pod no longer exists.")

    def _review(self, token: str) -> PodIdentity | None:
        try:
            return self.cluster.review_token(token)
        except ClusterError as error:
            raise UnavailableProblem("The cluster does not answer.") from error


def _key(token: str) -> bytes:
    return sha256(token.encode()).digest()


def _seconds_left(token: str) -> float:
    """Say for how long a token that was reviewed goes on to be good."""
    try:
        return float(jwt.get_unverified_claims(token)["exp"]) - time.time()
    except (JWTError, KeyError):
        return _UNDATED_SECONDS


def session_pod(identity: PodIdentity, namespace_prefix: str) -> HostPod:
    """Take a pod for a session's, by its namespace and its service account."""
    is_of_space = identity.namespace.startswith(namespace_prefix)
    if not is_of_space or identity.service_account != SESSION_ACCOUNT:
        raise ForbiddenProblem("Only the pods of sessions may ask this.")
    space = identity.namespace.removeprefix(namespace_prefix)
    return HostPod(space, identity.pod_name, identity.pod_uid, identity.namespace)
