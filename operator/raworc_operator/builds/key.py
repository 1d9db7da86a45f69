"""The name of a build: a hash of all that goes into the image; pure."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from raworc_crds.space import AgentSource
from raworc_sources.address import repository_url
from raworc_sources.protocol import BaseImages

# To be raised when the same sources would become another image: the Dockerfile's template, what is
# copied, how dependencies are installed.
RECIPE = 3
_ID_LENGTH = 12


@dataclass(frozen=True, slots=True)
class PinnedAgent:
    """An agent at the commit that is built."""

    source: AgentSource
    commit: str

    def request(self) -> dict[str, Any]:
        """Write what the checkout needs to know."""
        return {**self.content(), "ref": self.source.ref}

    def content(self) -> dict[str, Any]:
        """Write what of the agent goes into the image."""
        return {
            "name": self.source.name,
            "description": self.source.description or "",
            "purpose": self.source.purpose or "",
            "repo": repository_url(self.source.repo),
            "path": self.source.path,
            "commit": self.commit,
        }


def build_key(agents: Iterable[PinnedAgent], base_images: BaseImages, builder: str) -> str:
    """Hash what goes into an image; the order of the agents is of no account."""
    content = {
        "recipe": RECIPE,
        "base": base_images.model_dump(),
        "builder": builder,
        "agents": sorted((agent.content() for agent in agents), key=lambda item: item["name"]),
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()


def build_id(key: str) -> str:
    """Return the short name of a build, which is the tag of its image."""
    return key[:_ID_LENGTH]
