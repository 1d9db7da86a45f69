"""The real host process beside a fake API server that speaks the host protocol."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.component.raworc_host.fake_api import FakeApi, FakeServer
from tests.component.raworc_host.session_bed import Bed


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    """A bed with no agent and no host yet, and an API server that knows the session."""
    server = FakeServer(FakeApi())
    server.start()
    made = Bed(tmp_path, server)
    try:
        yield made
    finally:
        made.close()
        if server.is_running:
            server.stop()
        if (tmp_path / "output").exists():
            sys.stdout.write(made.output())
