"""``raworc logs``: print what a build said."""

from typing import Annotated

import typer

from raworc.errors import RaworcError
from raworc.terminal import terminal


def logs(
    context: typer.Context,
    space: Annotated[str, typer.Argument(help="The space whose build it is.")],
    build: Annotated[str, typer.Option(help="Id of the build; the newest if not given.")] = "",
) -> None:
    """Print the log of a space's build."""
    here = terminal(context)
    with here.open_client() as client:
        build_id = build or client.read_build(space).build_id
        if not build_id:
            raise RaworcError("The build was asked for, but has not begun yet.")
        typer.echo(client.read_build_logs(space, build_id), nl=False)
