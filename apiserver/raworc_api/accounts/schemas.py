"""What goes in and out of logins, accounts and their tokens."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from raworc_api.core.bodies import Body, PlainText, View
from raworc_api.core.rules import RuleView
from raworc_api.core.security import MIN_PASSWORD
from raworc_crds.space import SpaceName
from raworc_crds.wire import Matching

# Records of what came by kubectl name this as who made them.
RESERVED_NAMES = frozenset({"kubectl"})
MAX_TOKEN_RULES = 50
_ACCOUNT = r"^[a-z0-9]([a-z0-9._@-]*[a-z0-9])?$"
_LABEL = r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$"

Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Description = Annotated[PlainText, StringConstraints(max_length=1024)]


def _unreserved(name: str) -> str:
    if name in RESERVED_NAMES:
        raise ValueError(f"must not be '{name}', which is the owner of what came by kubectl")
    return name


AccountName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    Matching(
        _ACCOUNT,
        "an account's name must be lower-case letters, digits, '.', '_', '@' and '-', and begin "
        "and end with a letter or a digit",
    ),
    AfterValidator(_unreserved),
]
TokenName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=63),
    Matching(_LABEL, "a token's name must be lower-case letters, digits, '.', '_' and '-'"),
]
Password = Annotated[PlainText, StringConstraints(min_length=1, max_length=1024)]
NewPassword = Annotated[PlainText, StringConstraints(min_length=MIN_PASSWORD, max_length=1024)]


class LoginBody(Body):
    """A name and its password."""

    user: Name = Field(description="Name of the account.")
    password: Password = Field(alias="pass", description="Its password.")


class RefreshBody(Body):
    """The refresh token of a login."""

    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=255)] = Field(
        description="The newest one; it is good for one use."
    )


class LoginView(View):
    """A token that proves the account until it expires, and one to get the next."""

    token: str
    token_type: str = "Bearer"  # noqa: S105 - the word of RFC 6750, not a token
    expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime


class BindingView(View):
    """A role that an account has, in one space or (without one) in all."""

    role: str
    space: str | None


class GrantView(RuleView):
    """A rule that holds in one space or (without one) in all."""

    space: str | None


class MeView(View):
    """Who the caller is, and what the caller may do."""

    user: str
    description: str | None
    created_at: datetime
    role_bindings: list[BindingView]
    rules: list[GrantView] = Field(description="What the roles allow.")
    token_rules: list[GrantView] | None = Field(
        description="What an API token is limited to, on top of that; null if it is not limited."
    )


class QuestionBody(Body):
    """A verb on a resource, in a space (if it belongs to one), by name (if it has one)."""

    resource: Name
    verb: Name
    space: SpaceName | None = None
    name: Annotated[str, StringConstraints(min_length=1, max_length=253)] | None = None


class AnswerView(View):
    """Whether the caller's rules allow what was asked."""

    allowed: bool


class AccountBody(Body):
    """A new account; without a password it can only use API tokens."""

    user: AccountName = Field(description="Its name, for good.")
    password: NewPassword | None = Field(None, alias="pass", description="Its password.")
    description: Description | None = None


class AccountFields(Body):
    """What can be changed of an account; what is left out stays."""

    description: Description | None = None
    active: bool = Field(default=True, description="Whether it may log in and use its tokens.")


class PasswordBody(Body):
    """A new password; whoever changes their own proves the one before."""

    current_password: Password | None = Field(
        None, description="The one before; needed for the caller's own account."
    )
    new_password: NewPassword


class AccountView(View):
    """An account."""

    id: str
    user: str
    description: str | None
    active: bool
    created_at: datetime
    updated_at: datetime
    last_login_at: datetime | None


class ApiTokenBody(Body):
    """A new API token; it may never do more than its account."""

    name: TokenName = Field(description="Its name, among those of the account.")
    rules: Annotated[list[RuleView], Field(max_length=MAX_TOKEN_RULES)] | None = Field(
        None, description="What it is limited to; everything that its account may if not set."
    )
    spaces: Annotated[list[SpaceName], Field(max_length=100)] | None = Field(
        None, description="The spaces it is limited to; all if not set."
    )
    expires_at: AwareDatetime | None = Field(None, description="When it ends; never if not set.")


class ApiTokenView(View):
    """An API token, without its secret."""

    name: str
    prefix: str = Field(description="The first characters of the token, to know it by.")
    rules: list[RuleView] | None
    spaces: list[str] | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To within a minute.")


class NewApiTokenView(ApiTokenView):
    """An API token that was just made."""

    token: str = Field(description="The token itself; it is shown this once.")
