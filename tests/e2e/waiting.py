"""Waiting for what a cluster does in its own time, always with an end."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

Found = TypeVar("Found")

# The machine may be small and busy: these say when it is hopeless, not how long it should take.
SOON = 30
STARTED = 90
BUILT = 240


def eventually(probe: Callable[[], Found | None], what: str, seconds: float = SOON) -> Found:
    """Look every 75 ms until ``probe`` finds something, and return it."""
    looking = Retrying(
        retry=retry_if_result(lambda found: not found),
        stop=stop_after_delay(seconds),
        wait=wait_fixed(0.075),
    )
    try:
        found = looking(probe)
    except RetryError:
        found = None
    assert found, f"after {seconds} s not: {what}"
    return found
