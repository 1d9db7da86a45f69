"""The neighbours that component tests of several packages need."""

from collections.abc import Iterator
from itertools import count

import pytest
from tests.support.kubernetes import KubeApi, running_kube_api

_numbers = count(1)


@pytest.fixture(scope="session")
def kube_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeApi]:
    """Return a real kube-apiserver with our definitions, seen by its administrator."""
    with running_kube_api(tmp_path_factory.mktemp("kubernetes")) as api:
        yield api


@pytest.fixture
def namespace(kube_api: KubeApi) -> str:
    """Return a namespace of the test's own; it stays, as nothing here would empty it."""
    name = f"test-{next(_numbers)}"
    kube_api.make_namespace(name)
    return name
