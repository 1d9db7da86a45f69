"""``raworc send``: say something to a session and print the answer as it comes."""

from typing import Annotated

import typer

from raworc.client import Client
from raworc.conversation import Conversation, Piece, Step
from raworc.records import Message, Session
from raworc.terminal import Terminal, terminal


def send(
    context: typer.Context,
    words: Annotated[
        list[str], typer.Argument(metavar="SESSION TEXT", help="The session's id, then the text.")
    ],
    new: Annotated[
        str | None,
        typer.Option(metavar="SPACE", help="Create a session in this space; give the text alone."),
    ] = None,
) -> None:
    """Send a message to a session and print the answer."""
    here = terminal(context)
    with here.open_client() as client:
        session_id, text = _address(here, client, words, new)
        printer = AnswerPrinter(here)
        for step in Conversation(client, session_id, text).follow():
            printer.show(step)


def _address(here: Terminal, client: Client, words: list[str], new: str | None) -> tuple[str, str]:
    expected = 1 if new else 2
    if len(words) != expected:
        raise typer.BadParameter("must be SESSION TEXT, or TEXT alone with --new SPACE")
    if not new:
        return words[0], words[1]
    session_id = client.create_session(new).id
    here.notes.print(f"Session {session_id}")
    return session_id, words[0]


class AnswerPrinter:
    """Prints an answer once, piece by piece, and says beside it what it waits for."""

    def __init__(self, here: Terminal) -> None:
        self._here = here
        self._printed = ""
        self._noted = ""

    def show(self, step: Step) -> None:
        """Print what is new."""
        if isinstance(step, Session):
            self._show_state(step)
        elif isinstance(step, Piece):
            self._show_piece(step)
        else:
            self._show_rest(step)

    def _show_piece(self, piece: Piece) -> None:
        if piece.index == 0 and self._printed:
            typer.echo()
            self._printed = ""
            self._note("The agent starts over.")
        typer.echo(piece.text, nl=False)
        self._printed += piece.text

    def _show_rest(self, answer: Message) -> None:
        if not answer.content.startswith(self._printed):
            # Pieces were missed on the way: the answer as it is recorded is what counts.
            typer.echo()
            self._printed = ""
        typer.echo(answer.content[len(self._printed) :])

    def _show_state(self, session: Session) -> None:
        if session.state in {"idle", "busy"}:
            return
        waits = [condition for condition in session.conditions if condition.status == "False"]
        reason = f" ({waits[0].reason}: {waits[0].message})" if waits else ""
        self._note(f"The session is {session.state}{reason}.")

    def _note(self, words: str) -> None:
        if words != self._noted:
            self._here.notes.print(words, style="dim")
        self._noted = words
