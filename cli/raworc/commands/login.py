"""``raworc login`` and ``logout``: exchange a password for tokens, keep them, and end them."""

from typing import Annotated

import typer

from raworc.client import Client
from raworc.credentials import Credentials, forget_credentials, store_credentials
from raworc.errors import LoginRequiredError
from raworc.terminal import read_password, terminal


def login(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="Address of the API, such as https://raworc.example.")],
    *,
    user: Annotated[str, typer.Option(help="Who logs in.")] = "admin",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Log in to an API; the login is kept for the other commands, which renew it."""
    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter("must begin with http:// or https://", param_hint="URL")
    here = terminal(context)
    with Client(url, transport=here.transport) as client:
        token = client.login(user, read_password("Password", from_stdin=password_stdin))
    store_credentials(Credentials(url, token.token, token.refresh_token or ""), here.environ)
    here.notes.print(f"Logged in to {url} as {user}.")


def logout(context: typer.Context) -> None:
    """End the login, here and in the API."""
    here = terminal(context)
    try:
        with here.open_client() as client:
            client.logout()
    except LoginRequiredError:
        # There was none, or it ended by itself.
        pass
    forget_credentials(here.environ)
