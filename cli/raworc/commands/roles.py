"""``raworc roles``: what can be allowed, and to whom it is."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from raworc.errors import RaworcError
from raworc.records import Role, RoleBinding
from raworc.terminal import Output, OutputOption, print_json, terminal

roles = typer.Typer(help="List roles, or give one to an account.", invoke_without_command=True)

Name = Annotated[str, typer.Argument(metavar="ROLE", help="Name of the role.")]
AccountName = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Name of the account.")]
Space = Annotated[str | None, typer.Option(help="In this space; in all if not given.")]
_COLUMNS: Mapping[str, Callable[[Role], str | None]] = {
    "NAME": lambda role: role.name,
    "DESCRIPTION": lambda role: role.description,
}
_BINDING_COLUMNS: Mapping[str, Callable[[RoleBinding], str | None]] = {
    "ACCOUNT": lambda binding: binding.principal_name,
    "ROLE": lambda binding: binding.role_name,
    "SPACE": lambda binding: binding.space or "(all)",
}


@roles.callback()
def list_roles(context: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """List roles, or give one to an account."""
    if context.invoked_subcommand:
        return
    here = terminal(context)
    with here.open_client() as client:
        here.print_records(client.list_roles(), _COLUMNS, output)


@roles.command("show")
def show_role(context: typer.Context, name: Name) -> None:
    """Show what a role allows."""
    with terminal(context).open_client() as client:
        print_json(client.read_role(name).model_dump(mode="json"))


@roles.command("create")
def create_role(
    context: typer.Context,
    name: Name,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
) -> None:
    """Create a role of the rules on standard input, a JSON list of `resources` and `verbs`."""
    try:
        rules = json.load(sys.stdin)
    except ValueError as error:
        raise typer.BadParameter(f"standard input must be a JSON list of rules: {error}") from error
    with terminal(context).open_client() as client:
        client.create_role(name, rules, description)


@roles.command("delete")
def delete_role(context: typer.Context, name: Name) -> None:
    """Delete a role that nobody has."""
    with terminal(context).open_client() as client:
        client.delete_role(name)


@roles.command("bindings")
def list_bindings(
    context: typer.Context,
    role: Annotated[str | None, typer.Option(help="Only of this role.")] = None,
    account: Annotated[str | None, typer.Option(help="Only of this account.")] = None,
    space: Annotated[str | None, typer.Option(help="Only in this space.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List who has which role where."""
    here = terminal(context)
    with here.open_client() as client:
        found = client.list_bindings(role=role, account=account, space=space)
        here.print_records(found, _BINDING_COLUMNS, output)


@roles.command("bind")
def bind_role(
    context: typer.Context, name: Name, account: AccountName, space: Space = None
) -> None:
    """Give a role to an account, in one space or in all."""
    with terminal(context).open_client() as client:
        client.bind_role(name, account, space)


@roles.command("unbind")
def unbind_role(
    context: typer.Context, name: Name, account: AccountName, space: Space = None
) -> None:
    """Take a role from an account, in that space or (without one) the one for all spaces."""
    with terminal(context).open_client() as client:
        found = client.list_bindings(role=name, account=account)
        ids = [binding.id for binding in found if binding.space == space]
        if not ids:
            raise RaworcError(f"'{account}' does not have the role '{name}' there.")
        client.delete_binding(ids[0])
