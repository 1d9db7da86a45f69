"""For how long a pod's token is believed after the cluster reviewed it."""

import time

import pytest
from jose import jwt
from tests.support.memory_cluster import MemoryCluster

from raworc_api.cluster import PodIdentity
from raworc_api.core.cache import ExpiringCache
from raworc_api.host.pods import HostPod, PodReader
from raworc_crds.names import SESSION_ACCOUNT


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def token(**claims: object) -> str:
    return jwt.encode(claims, "nobody checks it here", "HS256")


@pytest.mark.parametrize(
    ("left", "seconds"), [(3600, 600), (120, 120), (None, 30)], ids=["long", "ending", "undated"]
)
def test_a_reviewed_token_is_believed_for_minutes_and_never_beyond_its_end(
    left: float | None, seconds: float
) -> None:
    text = "no-jwt" if left is None else token(exp=time.time() + left)
    clock, cluster = Clock(), MemoryCluster()
    cluster.tokens[text] = PodIdentity("raworc-team", SESSION_ACCOUNT, "one", "uid-1")
    pods = PodReader(cluster, "raworc-", ExpiringCache(10, clock))
    assert pods.known(text) is None
    assert pods.read(text) == HostPod("team", "one", "uid-1", "raworc-team")
    clock.time += seconds - 10
    assert pods.known(text) is not None
    clock.time += 11
    assert pods.known(text) is None
