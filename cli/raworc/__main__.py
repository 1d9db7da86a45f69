"""The command line: wires the commands and ends each in the exit code that its error names."""

import os
import sys
from collections.abc import Sequence

import typer
from pydantic import ValidationError

from raworc.commands.accounts import accounts
from raworc.commands.auth import auth
from raworc.commands.login import login, logout
from raworc.commands.logs import logs
from raworc.commands.roles import roles
from raworc.commands.send import send
from raworc.commands.sessions import sessions
from raworc.commands.spaces import spaces
from raworc.commands.tokens import tokens
from raworc.errors import RaworcError, UnexpectedAnswerError
from raworc.terminal import Terminal

EXIT_CODES = (
    "Exit codes: 0 done; 1 the message was not answered, or the answer is no; 2 wrong usage; "
    "3 the API refused; "
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
app.command()(logout)
app.add_typer(spaces, name="spaces")
app.add_typer(sessions, name="sessions")
app.command()(send)
app.command()(logs)
app.add_typer(auth, name="auth")
app.add_typer(accounts, name="users")
app.add_typer(accounts, name="service-accounts", hidden=True)
app.add_typer(tokens, name="tokens")
app.add_typer(roles, name="roles")


def run(arguments: Sequence[str], here: Terminal) -> None:
    """Run one command; an error is said in words and leaves with the exit code it names."""
    try:
        app(list(arguments), prog_name="raworc", obj=here)
    except RaworcError as error:
        here.notes.print(f"Error: {error}", style="red")
        raise SystemExit(error.exit_code) from error
    except ValidationError as error:
        here.notes.print("Error: What answered is not the API, or is too old or new.", style="red")
        raise SystemExit(UnexpectedAnswerError.exit_code) from error


def main() -> None:
    """Run the command line."""
    run(sys.argv[1:], Terminal(os.environ))


if __name__ == "__main__":
    main()
