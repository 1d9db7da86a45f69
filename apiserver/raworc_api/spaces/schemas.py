"""What goes in and out of spaces; the fields are those of the Space resource, in snake_case."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from raworc_api.core.bodies import View
from raworc_crds.conditions import Condition
from raworc_crds.network import Network
from raworc_crds.space import RESERVED_NAME, AgentSource, Quota, SpaceName, SpaceSpec
from raworc_crds.wire import Resources


class SpaceFields(SpaceSpec):
    """The spec of a Space as REST writes it."""

    # Each field is its own alias here: REST is snake_case.
    model_config = ConfigDict(alias_generator=str)


def _unreserved(name: str) -> str:
    if name == RESERVED_NAME:
        raise ValueError(f"must not be '{RESERVED_NAME}', as Raworc itself runs there")
    return name


class SpaceBody(SpaceFields):
    """A new space."""

    name: Annotated[SpaceName, AfterValidator(_unreserved)] = Field(
        description="Name of the space; it cannot be changed."
    )


class SpaceView(View):
    """A space, and what became of it."""

    name: str
    description: str | None
    settings: Mapping[str, str] | None
    agents: list[AgentSource]
    resources: Resources | None
    storage_size: str | None
    storage_class_name: str | None
    quota: Quota | None
    network: Network | None
    busy_timeout_seconds: int | None
    ready: bool
    image: str | None
    conditions: list[Condition]
    created_by: str
    created_at: datetime
    updated_at: datetime
    version: int
