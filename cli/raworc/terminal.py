"""Where a command runs: its environment, its output, and the way to the API."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, TypeVar

import httpx2
import typer
from rich.console import Console
from rich.table import Table

from raworc.client import Client
from raworc.credentials import CredentialsKeeper, read_credentials
from raworc.login import Login
from raworc.records import Record, Token

AnyRecord = TypeVar("AnyRecord", bound=Record)

# Wider than any list: a terminal wraps by itself, and a pipe must not get cut lines.
WIDTH = 1000


class Output(StrEnum):
    """How a list is printed."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How to print.")]


@dataclass(frozen=True)
class Terminal:
    """What a command may use of its surroundings."""

    environ: Mapping[str, str]
    transport: httpx2.BaseTransport | None = None
    # What was asked for goes to the standard output, anything said about it to the other.
    tables: Console = field(default_factory=lambda: _console(stderr=False))
    notes: Console = field(default_factory=lambda: _console(stderr=True))

    def open_client(self) -> Client:
        """Connect as whoever is logged in."""
        found = read_credentials(self.environ)
        if not found.refresh_token:
            return Client(found.url, found.token, transport=self.transport)
        token = Token(token=found.token, refresh_token=found.refresh_token)
        login = Login(token, CredentialsKeeper(self.environ, found.url))
        return Client(found.url, login, transport=self.transport)

    def print_records(
        self,
        records: Iterable[AnyRecord],
        columns: Mapping[str, Callable[[AnyRecord], str | None]],
        output: Output,
    ) -> None:
        """Print a list; each column is a heading and what stands under it for a record."""
        if output is Output.JSON:
            print_json([record.model_dump(mode="json") for record in records])
            return
        table = Table(*columns, box=None, pad_edge=False, header_style="bold")
        for record in records:
            table.add_row(*(read(record) or "" for read in columns.values()))
        self.tables.print(table)


def terminal(context: typer.Context) -> Terminal:
    """Return the surroundings that the command was started in."""
    found = context.find_object(Terminal)
    if found is None:
        raise LookupError("The command was started without a Terminal.")
    return found


def read_password(prompt: str, *, from_stdin: bool, confirm: bool = False) -> str:
    """Read a password: a line of standard input, or what is typed without being shown."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt(prompt, hide_input=True, err=True, confirmation_prompt=confirm))


def print_json(value: object) -> None:
    """Print one value for programs to read."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _console(*, stderr: bool) -> Console:
    # What users and agents wrote is printed as it is, and not read as markup.
    return Console(
        stderr=stderr,
        width=None if stderr else WIDTH,
        soft_wrap=stderr,
        highlight=False,
        markup=False,
        emoji=False,
    )
