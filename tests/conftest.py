"""What all tests have."""

import pytest
from tests.support.golden import Golden


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that renews golden files."""
    parser.addoption(
        "--renew-golden", action="store_true", help="write golden files instead of comparing them"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare manifests with the files in ``golden`` beside the test."""
    return Golden(request.path.parent / "golden", renew=request.config.getoption("--renew-golden"))
