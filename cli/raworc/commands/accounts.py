"""``raworc users``: list, create, change and delete accounts of people and programs."""

from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from raworc.records import Account
from raworc.terminal import Output, OutputOption, print_json, read_password, terminal

accounts = typer.Typer(help="List accounts, or change one.", invoke_without_command=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the account.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the new password from standard input.")
]
_COLUMNS: Mapping[str, Callable[[Account], str | None]] = {
    "NAME": lambda account: account.user,
    "ACTIVE": lambda account: str(account.active),
    "LAST LOGIN": lambda account: account.last_login_at,
    "DESCRIPTION": lambda account: account.description,
}


@accounts.callback()
def list_accounts(context: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """List accounts, or change one."""
    if context.invoked_subcommand:
        return
    here = terminal(context)
    with here.open_client() as client:
        here.print_records(client.list_accounts(), _COLUMNS, output)


@accounts.command("show")
def show_account(context: typer.Context, name: Name) -> None:
    """Show all that the API knows of one account."""
    with terminal(context).open_client() as client:
        print_json(client.read_account(name).model_dump(mode="json"))


@accounts.command("create")
def create_account(
    context: typer.Context,
    name: Name,
    *,
    description: Annotated[str | None, typer.Option(help="Who or what it is.")] = None,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="For programs, which use API tokens alone.")
    ] = False,
    password_stdin: PasswordStdin = False,
) -> None:
    """Create an account; bind a role to it next."""
    password = None
    if not no_password:
        password = read_password("New password", from_stdin=password_stdin, confirm=True)
    with terminal(context).open_client() as client:
        client.create_account(name, password, description)


@accounts.command("password")
def set_password(
    context: typer.Context, name: Name, *, password_stdin: PasswordStdin = False
) -> None:
    """Change a password: one's own, with the current one first, or of others by permission."""
    with terminal(context).open_client() as client:
        current = None
        if client.read_me().user == name:
            current = read_password("Current password", from_stdin=password_stdin)
        new = read_password("New password", from_stdin=password_stdin, confirm=True)
        client.set_password(name, new, current)


@accounts.command("disable")
def disable_account(context: typer.Context, name: Name) -> None:
    """Keep an account from logging in, and end its logins."""
    with terminal(context).open_client() as client:
        client.update_account(name, active=False)


@accounts.command("enable")
def enable_account(context: typer.Context, name: Name) -> None:
    """Let an account log in again."""
    with terminal(context).open_client() as client:
        client.update_account(name, active=True)


@accounts.command("delete")
def delete_account(context: typer.Context, name: Name) -> None:
    """Delete an account for good; its sessions stay."""
    with terminal(context).open_client() as client:
        client.delete_account(name)
