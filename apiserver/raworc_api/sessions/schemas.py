"""What goes in and out of sessions; the fields are those of the AgentSession, in snake_case."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from raworc_api.core.bodies import Body, View
from raworc_api.core.pages import PageQuery
from raworc_crds.agent_session import MAX_NAME, SessionState
from raworc_crds.conditions import Condition
from raworc_crds.space import AgentName, SpaceName
from raworc_crds.wire import DNS_LABEL, Amount, Matching, Resources, Seconds, StringMap

SessionName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_NAME),
    Matching(
        DNS_LABEL, "a session's name must be lower-case letters, digits and '-', not '-' at an end"
    ),
]


class SessionBody(Body):
    """A new session."""

    space: SpaceName = Field(description="The space it belongs to; it cannot be changed.")
    name: SessionName | None = Field(
        None, description="Its name in the space; its id if not set. It cannot be changed."
    )
    agent: AgentName | None = Field(
        None, description="The agent that answers messages which name none."
    )
    closed: bool = Field(default=False, description="Begin closed, without a pod.")
    metadata: StringMap | None = Field(None, description="Free notes, for people and agents.")
    resources: Resources | None = Field(None, description="Resources, over those of the space.")
    storage_size: Amount | None = Field(
        None, description="Size of the volume, over that of the space."
    )
    busy_timeout_seconds: Seconds | None = Field(
        None, description="How long an agent may take for one answer, over that of the space."
    )


class SessionView(View):
    """A session, and what it is at."""

    id: str
    space: str
    name: str
    agent: str | None
    state: SessionState
    closed: bool
    metadata: Mapping[str, str]
    created_by: str
    created_at: datetime
    last_activity_at: datetime
    container_id: str | None
    persistent_volume_id: str | None
    parent_session_id: str | None
    conditions: list[Condition]


class StateView(View):
    """What a session is at, and why."""

    state: SessionState
    conditions: list[Condition]


def _without_alias(state: str) -> str:
    return "errored" if state == "error" else state


class SessionQuery(PageQuery):
    """Which sessions a list shall have."""

    space: Annotated[str, StringConstraints(max_length=63)] | None = Field(
        None, description="Only those of this space."
    )
    state: Annotated[SessionState, BeforeValidator(_without_alias)] | None = Field(
        None, description="Only those in this state; 'error' means 'errored'."
    )
    q: Annotated[str, StringConstraints(min_length=1, max_length=63)] | None = Field(
        None, description="Only those with this in their name, or as their id."
    )
