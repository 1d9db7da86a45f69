"""``raworc tokens``: API tokens for programs, one's own or those of an account."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from raworc.client import Client
from raworc.records import ApiToken
from raworc.terminal import Output, OutputOption, terminal

tokens = typer.Typer(help="List API tokens, or make one.", invoke_without_command=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the token.")]
Account = Annotated[str | None, typer.Option(help="Whose it is; one's own if not given.")]
_COLUMNS: Mapping[str, Callable[[ApiToken], str | None]] = {
    "NAME": lambda token: token.name,
    "TOKEN": lambda token: f"{token.prefix}…",
    "SPACES": lambda token: "(all)" if token.spaces is None else ",".join(token.spaces),
    "LIMITED": lambda token: str(token.rules is not None),
    "EXPIRES": lambda token: token.expires_at,
    "LAST USE": lambda token: token.last_used_at,
}


@tokens.callback()
def list_tokens(
    context: typer.Context, account: Account = None, output: OutputOption = Output.TABLE
) -> None:
    """List API tokens, or make one."""
    if context.invoked_subcommand:
        return
    here = terminal(context)
    with here.open_client() as client:
        here.print_records(client.list_tokens(_owner(client, account)), _COLUMNS, output)


@tokens.command("create")
def create_token(
    context: typer.Context,
    name: Name,
    account: Account = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RESOURCE:VERB[,VERB]", help="Limit it to this; may be given several times."
        ),
    ] = None,
    space: Annotated[
        list[str] | None, typer.Option(help="Limit it to this space; may be given several times.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Days until it ends.")] = None,
) -> None:
    """Make an API token and print it; it is not shown again."""
    limits: dict[str, Any] = {}
    if allow:
        limits["rules"] = [_rule(text) for text in allow]
    if space:
        limits["spaces"] = space
    if days:
        limits["expires_at"] = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    with terminal(context).open_client() as client:
        typer.echo(client.create_token(_owner(client, account), name, **limits).token)


@tokens.command("revoke")
def revoke_token(context: typer.Context, name: Name, account: Account = None) -> None:
    """Revoke an API token."""
    with terminal(context).open_client() as client:
        client.revoke_token(_owner(client, account), name)


def _owner(client: Client, account: str | None) -> str:
    return account or client.read_me().user


def _rule(text: str) -> dict[str, list[str]]:
    resource, _, verbs = text.partition(":")
    if not resource or not verbs:
        raise typer.BadParameter("must be RESOURCE:VERB, such as sessions:get,list")
    return {"resources": [resource], "verbs": verbs.split(",")}
