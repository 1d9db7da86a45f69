"""Replicas of the server, with everyone who speaks to them."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from tests.support.api_bed import ApiBed, Replica, running_replicas
from tests.support.memory_cluster import MemoryCluster

from raworc_api.core.database import Database


@pytest.fixture(scope="module")
def api_cluster() -> MemoryCluster:
    """Return the cluster of the module's replicas."""
    return MemoryCluster()


@pytest.fixture(scope="module")
def replicas(migrated: Engine, api_cluster: MemoryCluster) -> Iterator[list[Replica]]:
    """Run two replicas of the server for the test module."""
    with running_replicas(migrated, api_cluster, 2) as running:
        yield running


@pytest.fixture
def bed(
    replicas: list[Replica], database: Database, api_cluster: MemoryCluster
) -> Iterator[ApiBed]:
    """Return the replicas with an administrator, the users Ann and Bob, and a space."""
    bed = ApiBed(replicas, database, api_cluster)
    bed.account("admin", "admin")
    bed.account("ann")
    bed.account("bob")
    bed.space()
    yield bed
    bed.close()
    api_cluster.tokens.clear()
    api_cluster.pods.clear()
