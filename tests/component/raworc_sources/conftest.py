"""A real registry with accounts, and the sources' view of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.registry import PUSHER, RunningRegistry, running_registry

from raworc_sources.registry import ImageRegistry


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningRegistry]:
    """Run a registry without TLS, as the bundled one is."""
    folder = tmp_path / "registry"
    folder.mkdir()
    with running_registry(folder) as running:
        yield running


@pytest.fixture
def registry(server: RunningRegistry, tmp_path: Path) -> ImageRegistry:
    """Know the registry as the sources do that were told everything."""
    file = tmp_path / "config.json"
    file.write_text(PUSHER.shown_to(server.host))
    return ImageRegistry(f"{server.host}/team", insecure=True, accounts=file)
