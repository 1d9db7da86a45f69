"""What the operator asks the checkout for."""

from pydantic import BaseModel, ConfigDict

from raworc_sources.protocol import BaseImages


class AgentRequest(BaseModel):
    """One agent, at the commit that was resolved."""

    model_config = ConfigDict(frozen=True)

    name: str
    description: str
    purpose: str
    repo: str
    path: str | None
    commit: str
    ref: str | None


class CheckoutRequest(BaseModel):
    """All agents of an image, and the images that it may start from."""

    model_config = ConfigDict(frozen=True)

    agents: list[AgentRequest]
    base_images: BaseImages
    build_key: str
    internal_git_hosts: frozenset[str]
