"""The command line: wires the commands and ends each in the exit code that its error names."""

import os
import sys
from collections.abc import Sequence

import typer

from raworc.commands.login import login
from raworc.commands.logs import logs
from raworc.commands.send import send
from raworc.commands.sessions import sessions
from raworc.commands.spaces import spaces
from raworc.errors import RaworcError
from raworc.terminal import Terminal

EXIT_CODES = (
    "Exit codes: 0 done; 1 the message was not answered; 2 wrong usage; 3 the API refused; "
    "4 the API cannot be reached; 5 log in (again)."
)


app = typer.Typer(
    name="raworc",
    help="AI agents as durable sessions on Kubernetes.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(login)
app.add_typer(spaces, name="spaces")
app.add_typer(sessions, name="sessions")
app.command()(send)
app.command()(logs)


def run(arguments: Sequence[str], here: Terminal) -> None:
    """Run one command; an error is said in words and leaves with the exit code it names."""
    try:
        app(list(arguments), prog_name="raworc", obj=here)
    except RaworcError as error:
        here.notes.print(f"Error: {error}", style="red")
        raise SystemExit(error.exit_code) from error


def main() -> None:
    """Run the command line."""
    run(sys.argv[1:], Terminal(os.environ))


if __name__ == "__main__":
    main()
