"""``raworc login``: exchange a password for a token and keep it."""

import sys
from typing import Annotated

import typer

from raworc.client import Client
from raworc.credentials import Credentials, store_credentials
from raworc.terminal import terminal


def login(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="Address of the API, such as https://raworc.example.")],
    *,
    user: Annotated[str, typer.Option(help="Who logs in.")] = "admin",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Log in to an API; the token is kept for the other commands."""
    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter("must begin with http:// or https://", param_hint="URL")
    here = terminal(context)
    with Client(url, transport=here.transport) as client:
        token = client.login(user, _read_password(from_stdin=password_stdin))
    store_credentials(Credentials(url, token.token), here.environ)
    here.notes.print(f"Logged in to {url} as {user}.")


def _read_password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, err=True))
