"""Running a program for strangers: what it prints is bounded, and so is its time."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_CHUNK_BYTES = 65_536
# Of what a program says of its errors the end is kept.
_KEPT_ERROR_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a program may run, and how much it may print."""

    seconds: float
    output_bytes: int


class TimeLimitError(Exception):
    """The program did not end in time; it was killed."""


class OutputLimitError(Exception):
    """The program printed more than it may; it was killed."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that ended by itself."""

    exit_code: int
    output: bytes
    errors: bytes


def run_bounded(
    command: Sequence[str], environment: Mapping[str, str], folder: Path | None, bounds: Bounds
) -> Completed:
    """Run a program and return what it printed; kill it with its children at a limit."""
    process = subprocess.Popen(  # noqa: S603 - no shell; the caller checked the arguments
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # git has helpers: they are killed with it, as one group.
        start_new_session=True,
    )
    deadline = time.monotonic() + bounds.seconds
    with process:
        try:
            output, errors = _read(process, deadline, bounds.output_bytes)
            return Completed(process.wait(_left(deadline)), output, errors)
        except subprocess.TimeoutExpired as error:
            raise TimeLimitError from error
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _read(
    process: "subprocess.Popen[bytes]", deadline: float, output_bytes: int
) -> tuple[bytes, bytes]:
    kept = {stream: bytearray() for stream in (process.stdout, process.stderr) if stream}
    output, errors = kept.values()
    with selectors.DefaultSelector() as selector:
        for stream, into in kept.items():
            selector.register(stream, selectors.EVENT_READ, into)
        while selector.get_map():
            for key, _ in selector.select(_left(deadline)):
                piece = os.read(key.fd, _CHUNK_BYTES)
                key.data.extend(piece)
                if not piece:
                    selector.unregister(key.fileobj)
            del errors[:-_KEPT_ERROR_BYTES]
            if len(output) > output_bytes:
                raise OutputLimitError
            if _left(deadline) == 0:
                raise TimeLimitError
    return bytes(output), bytes(errors)
