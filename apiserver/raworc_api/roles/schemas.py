"""What goes in and out of roles and role bindings."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from raworc_api.accounts.schemas import Description, Name
from raworc_api.core.bodies import Body, View
from raworc_api.core.pages import PageQuery
from raworc_api.core.rules import RuleView
from raworc_crds.space import SpaceName
from raworc_crds.wire import DNS_LABEL, Matching

RoleName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=63),
    Matching(
        DNS_LABEL, "a role's name must be lower-case letters, digits and '-', not '-' at an end"
    ),
]
Rules = Annotated[list[RuleView], Field(max_length=50)]


class PrincipalType(StrEnum):
    """What a role can be bound to."""

    SERVICE_ACCOUNT = "ServiceAccount"


class RoleBody(Body):
    """A new role."""

    name: RoleName = Field(description="Its name, for good.")
    rules: Rules = Field(description="What it allows; nothing that the caller may not do.")
    description: Description | None = None


class RoleFields(Body):
    """What can be changed of a role; what is left out stays."""

    rules: Rules = Field(default=[], description="As for a new role.")
    description: Description | None = None


class RoleView(View):
    """A role."""

    id: str
    name: str
    description: str | None
    rules: list[RuleView]
    is_builtin: bool = Field(description="Whether it comes with Raworc, and cannot be changed.")
    created_at: datetime


class RoleBindingBody(Body):
    """A role for an account."""

    role_name: RoleName
    principal_name: Name = Field(description="The account.")
    principal_type: PrincipalType = PrincipalType.SERVICE_ACCOUNT
    space: SpaceName | None = Field(None, description="The space it holds in; all if not set.")


class RoleBindingView(View):
    """A role that an account has, in one space or (without one) in all."""

    id: str
    role_name: str
    principal_name: str
    principal_type: PrincipalType
    space: str | None
    created_at: datetime | None


class RoleBindingQuery(PageQuery):
    """Which bindings a list shall have."""

    role_name: Name | None = Field(None, description="Only those of this role.")
    principal_name: Name | None = Field(None, description="Only those of this account.")
    space: Name | None = Field(None, description="Only those in this space.")
