"""What the API says of its objects, as values; fields that a newer API adds are kept."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """One object as the API showed it."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Token(Record):
    """A token that holds for minutes, and one to get the next."""

    token: str
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme, not a token
    expires_at: str | None = None
    refresh_token: str | None = None


class Account(Record):
    """A person or a program that the API knows."""

    user: str
    description: str | None = None
    active: bool = True
    created_at: str | None = None
    last_login_at: str | None = None


class ApiToken(Record):
    """A token of an account for programs; ``token`` itself is there only when it is made."""

    name: str
    prefix: str = ""
    token: str | None = None
    rules: list[dict[str, Any]] | None = None
    spaces: list[str] | None = None
    created_at: str | None = None
    expires_at: str | None = None
    last_used_at: str | None = None


class Role(Record):
    """A named list of rules, each of which allows something."""

    name: str
    description: str | None = None
    rules: list[dict[str, Any]] = Field(default_factory=list)
    is_builtin: bool = False


class RoleBinding(Record):
    """A role that an account has, in one space or (without one) in all."""

    id: str
    role_name: str
    principal_name: str
    space: str | None = None


class Me(Record):
    """Whom a token speaks for."""

    user: str
    role_bindings: list[dict[str, Any]] = Field(default_factory=list)


class Condition(Record):
    """One observation about an object, and why it is so."""

    type: str
    status: str
    reason: str = ""
    message: str = ""


class Space(Record):
    """A set of agents and the sessions that run them."""

    name: str
    description: str | None = None
    image: str | None = None
    conditions: list[Condition] = Field(default_factory=list)
    created_at: str | None = None


class Failure(Record):
    """Why something did not succeed: a word for programs and a sentence for people."""

    reason: str
    message: str = ""


class Build(Record):
    """The making of one image out of a space's agents; one only asked for has no id yet."""

    space: str
    build_id: str | None = None
    status: str
    image_tag: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    agents_deployed: list[dict[str, Any]] = Field(default_factory=list)
    error: Failure | None = None


class Session(Record):
    """One conversation with its pod and its volume."""

    id: str
    space: str
    name: str = ""
    state: str
    closed: bool = False
    agent: str | None = None
    conditions: list[Condition] = Field(default_factory=list)
    created_by: str | None = None
    created_at: str | None = None
    last_activity_at: str | None = None
    metadata: dict[str, Any] | None = None


class Message(Record):
    """What somebody said in a session."""

    id: str
    session_id: str
    role: str
    content: str
    status: str | None = None
    reply_to: str | None = None
    agent: str | None = None
    error: Failure | None = None
    metadata: dict[str, Any] | None = None
    created_at: str | None = None


class Event(Record):
    """One event of a session's stream: ``message``, ``piece`` or ``session``, and its object."""

    kind: str
    id: str = ""
    data: dict[str, Any]
