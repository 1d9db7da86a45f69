"""``raworc auth``: who one is, and what one may do."""

from typing import Annotated

import typer

from raworc.terminal import print_json, terminal

auth = typer.Typer(help="Who you are, and what you may do.", no_args_is_help=True)


@auth.command("me")
def show_me(context: typer.Context) -> None:
    """Show whom the login or the token speaks for, and what it allows."""
    with terminal(context).open_client() as client:
        print_json(client.read_me().model_dump(mode="json"))


@auth.command("can-i")
def can_i(
    context: typer.Context,
    verb: Annotated[str, typer.Argument(help="Such as create.")],
    resource: Annotated[str, typer.Argument(help="Such as sessions.")],
    space: Annotated[str | None, typer.Option(help="In this space.")] = None,
    name: Annotated[str | None, typer.Option(help="For the one of this name.")] = None,
) -> None:
    """Say yes or no; a no ends in 1."""
    with terminal(context).open_client() as client:
        is_allowed = client.can_i(verb, resource, space=space, name=name)
    typer.echo("yes" if is_allowed else "no")
    if not is_allowed:
        raise typer.Exit(1)
