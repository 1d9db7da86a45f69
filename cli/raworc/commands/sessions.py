"""``raworc sessions``: list, create, close, restore and delete sessions."""

from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from raworc.records import Session
from raworc.terminal import Output, OutputOption, terminal

sessions = typer.Typer(help="List sessions, or change one.", invoke_without_command=True)

SessionId = Annotated[str, typer.Argument(metavar="SESSION", help="Id of the session.")]
_COLUMNS: Mapping[str, Callable[[Session], str | None]] = {
    "ID": lambda session: session.id,
    "SPACE": lambda session: session.space,
    "STATE": lambda session: session.state,
    "AGENT": lambda session: session.agent,
    "OWNER": lambda session: session.created_by,
    "LAST ACTIVITY": lambda session: session.last_activity_at,
}


@sessions.callback()
def list_sessions(
    context: typer.Context,
    space: Annotated[str | None, typer.Option(help="Only sessions of this space.")] = None,
    state: Annotated[str | None, typer.Option(help="Only sessions in this state.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List sessions, or change one."""
    if context.invoked_subcommand:
        return
    here = terminal(context)
    with here.open_client() as client:
        here.print_records(client.list_sessions(space=space, state=state), _COLUMNS, output)


@sessions.command("create")
def create_session(
    context: typer.Context,
    space: Annotated[str, typer.Argument(help="The space that the session belongs to.")],
    agent: Annotated[str | None, typer.Option(help="Who answers by default.")] = None,
) -> None:
    """Create a session and print its id."""
    wishes = {"agent": agent} if agent else {}
    here = terminal(context)
    with here.open_client() as client:
        typer.echo(client.create_session(space, **wishes).id)


@sessions.command("close")
def close_session(context: typer.Context, session: SessionId) -> None:
    """End the pod of a session; its volume and its messages stay."""
    with terminal(context).open_client() as client:
        client.close_session(session)


@sessions.command("restore")
def restore_session(context: typer.Context, session: SessionId) -> None:
    """Open a closed session again."""
    with terminal(context).open_client() as client:
        client.restore_session(session)


@sessions.command("delete")
def delete_session(context: typer.Context, session: SessionId) -> None:
    """Delete a session with its volume and its messages."""
    with terminal(context).open_client() as client:
        client.delete_session(session)
