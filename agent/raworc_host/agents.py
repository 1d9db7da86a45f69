"""What the host knows of the image's agents."""

from typing import NamedTuple


class Agent(NamedTuple):
    """One agent of the image, as the runner introduced it."""

    name: str
    profile: str
    """Purpose, description and capabilities, in words."""
