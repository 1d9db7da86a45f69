"""``raworc spaces``: list spaces and look at one."""

from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from raworc.records import Condition, Space
from raworc.terminal import Output, OutputOption, print_json, terminal

spaces = typer.Typer(help="List spaces, or look at one.", invoke_without_command=True)


@spaces.callback()
def list_spaces(context: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """List spaces, or look at one."""
    if context.invoked_subcommand:
        return
    here = terminal(context)
    with here.open_client() as client:
        here.print_records(client.list_spaces(), _COLUMNS, output)


@spaces.command("show")
def show_space(context: typer.Context, name: Annotated[str, typer.Argument()]) -> None:
    """Show all that the API knows of one space."""
    here = terminal(context)
    with here.open_client() as client:
        print_json(client.read_space(name).model_dump(mode="json"))


def _ready(space: Space) -> Condition:
    unknown = Condition(type="Ready", status="Unknown")
    return next((one for one in space.conditions if one.type == "Ready"), unknown)


_COLUMNS: Mapping[str, Callable[[Space], str | None]] = {
    "NAME": lambda space: space.name,
    "READY": lambda space: _ready(space).status,
    "REASON": lambda space: _ready(space).reason,
    "DESCRIPTION": lambda space: space.description,
}
