"""What goes in and out when an account logs in."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from raworc_api.core.bodies import Body, View

Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class LoginBody(Body):
    """A name and its password."""

    user: Name = Field(description="Name of the account.")
    password: Annotated[str, StringConstraints(min_length=1, max_length=1024)] = Field(
        alias="pass", description="Its password."
    )


class TokenView(View):
    """A token that proves the account until it expires."""

    token: str
    token_type: str = "Bearer"  # noqa: S105 - the word of RFC 6750, not a token
    expires_at: datetime


class AccountView(View):
    """Who the caller is."""

    user: str
    created_at: datetime
