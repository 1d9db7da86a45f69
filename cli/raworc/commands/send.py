"""``raworc send``: say something to a session and print the answer as it comes."""

from typing import Annotated

import typer

from raworc.client import Client
from raworc.conversation import Conversation, Piece
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
        _print_answer(here, Conversation(client, session_id, text))


def _address(here: Terminal, client: Client, words: list[str], new: str | None) -> tuple[str, str]:
    expected = 1 if new else 2
    if len(words) != expected:
        raise typer.BadParameter("must be SESSION TEXT, or TEXT alone with --new SPACE")
    if not new:
        return words[0], words[1]
    session_id = client.create_session(new).id
    here.notes.print(f"Session {session_id}")
    return session_id, words[0]


def _print_answer(here: Terminal, conversation: Conversation) -> None:
    printed = ""
    for step in conversation.follow():
        if isinstance(step, Session):
            _print_state(here, step)
        elif isinstance(step, Piece):
            printed = _start_over(here, printed) if step.index == 0 else printed
            typer.echo(step.text, nl=False)
            printed += step.text
        else:
            _print_rest(step, printed)


def _start_over(here: Terminal, printed: str) -> str:
    if printed:
        typer.echo()
        here.notes.print("The agent starts over.", style="dim")
    return ""


def _print_rest(answer: Message, printed: str) -> None:
    if printed and not answer.content.startswith(printed):
        # Pieces were missed on the way: the answer as it is recorded is what counts.
        typer.echo()
        printed = ""
    typer.echo(answer.content[len(printed) :])


def _print_state(here: Terminal, session: Session) -> None:
    if session.state in {"idle", "busy"}:
        return
    waits = [condition for condition in session.conditions if condition.status == "False"]
    reason = f" ({waits[0].reason}: {waits[0].message})" if waits else ""
    here.notes.print(f"The session is {session.state}{reason}.", style="dim")
