"""Runs a binary for each message; what it writes to its standard output is the answer.

A binary gets the message as its argument, and message and context in its environment. The kernel
takes 128 KiB for each of these, so a longer message is in neither, and of a longer context the
environment holds the newest messages that fit. The whole order is on its standard input in any
case, as JSON: ``{"message": …, "context": …}``.

Its output is passed on as it comes, but for the line breaks at its end, as a shell does it. What it
leaves running may hold its output open: the turn ends with the binary.
"""

import codecs
import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress

from raworc_runtime.answer import MAX_BYTES
from raworc_runtime.channel import Channel
from raworc_runtime.given import Given

# A pipe holds no more.
_PIPE_BYTES = 1024 * 1024
_LAST_WORDS_BYTES = 2000


def serve(binary: str, handler: str) -> None:
    """Be the agent: answer one message after the other until the runner leaves."""
    channel = Channel()
    if not os.access(binary, os.X_OK):
        channel.tell_failed("LoadFailed", f"The agent has no program '{binary}'.")
        return
    channel.tell_ready()
    for order in channel.orders():
        given = Given.of(order["message"], order["context"], handler)
        try:
            _answer(Run(binary, given), channel)
        except OSError as error:
            channel.tell_failed("LoadFailed", f"The agent cannot be started: {error}")


def _answer(run: "Run", channel: Channel) -> None:
    text = _Text(channel.tell_piece)
    for chunk in run.output():
        text.add(chunk)
        if text.is_too_long:
            run.kill()
    if text.is_too_long:
        channel.tell_failed("AnswerTooLarge", "The answer is longer than 16 MiB.")
    elif run.exit_code:
        channel.tell_failed(*_failure(run.exit_code, run.last_words))
    else:
        text.end()
        channel.tell_answer("")


def _failure(code: int, last_words: str) -> tuple[str, str]:
    if code == -signal.SIGKILL:
        words = "was killed by SIGKILL while it answered; it probably ran out of memory."
        return "AgentKilled", f"The agent {words}"
    how = f"exited with code {code}" if code > 0 else f"was ended by {signal.Signals(-code).name}"
    return "AgentExited", f"The agent {how} while it answered.\n{last_words}".rstrip()


class _Text:
    """The answer as it comes, told in whole characters."""

    def __init__(self, tell_piece: Callable[[str], None]) -> None:
        self._tell_piece = tell_piece
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line_breaks = ""
        self._bytes = 0

    @property
    def is_too_long(self) -> bool:
        """Whether more came than an answer may have."""
        return self._bytes > MAX_BYTES

    def add(self, chunk: bytes) -> None:
        """Tell what came, but for line breaks that may be the last."""
        self._bytes += len(chunk)
        if not self.is_too_long:
            self._tell(self._decoder.decode(chunk))

    def end(self) -> None:
        """Tell of a character of which half has come."""
        self._tell(self._decoder.decode(b"", final=True))

    def _tell(self, text: str) -> None:
        text = self._line_breaks + text
        told = text.rstrip("\r\n")
        self._line_breaks = text[len(told) :]
        if told:
            self._tell_piece(told)


class Run:
    """A binary that runs, with its output in pipes and its order in memory."""

    def __init__(self, binary: str, given: Given) -> None:
        self.exit_code: int | None = None
        """As of ``os.waitstatus_to_exitcode``: a signal is negative."""
        self._errors = b""
        stdin = _in_memory(given.input)
        (self._stdout, stdout), (self._stderr, stderr) = os.pipe(), os.pipe()
        try:
            self._pid = os.posix_spawn(
                binary,
                [binary, *given.arguments],
                {**os.environ, **given.environment},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, stdin, 0),
                    (os.POSIX_SPAWN_DUP2, stdout, 1),
                    (os.POSIX_SPAWN_DUP2, stderr, 2),
                ],
                setsigdef=(signal.SIGPIPE,),
            )
        except OSError:
            _close(self._stdout, self._stderr)
            raise
        finally:
            _close(stdin, stdout, stderr)

    @property
    def last_words(self) -> str:
        """The end of what it wrote to its standard error."""
        return self._errors.decode("utf-8", "replace").strip()

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self.exit_code is None:
            os.kill(self._pid, signal.SIGKILL)

    def output(self) -> Iterator[bytes]:
        """Yield what it writes to its standard output, until it ends."""
        ending = os.pidfd_open(self._pid)
        waiter = select.poll()
        for fd in (self._stdout, self._stderr, ending):
            waiter.register(fd, select.POLLIN)
        ready: set[int] = set()
        while ending not in ready:
            ready = {fd for fd, _ in waiter.poll()}
            for fd in ready - {ending}:
                if chunk := os.read(fd, _PIPE_BYTES):
                    yield from self._heard(fd, chunk)
                else:
                    waiter.unregister(fd)
        _close(ending)
        self.exit_code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        yield from self._last_output()

    def _last_output(self) -> Iterator[bytes]:
        for fd in (self._stderr, self._stdout):
            # All that the pipe holds by now; what it left running may go on writing.
            os.set_blocking(fd, False)
            with suppress(BlockingIOError):
                yield from self._heard(fd, os.read(fd, _PIPE_BYTES))
            _close(fd)

    def _heard(self, fd: int, chunk: bytes) -> Iterator[bytes]:
        if fd == self._stdout:
            yield chunk
            return
        self._errors = (self._errors + chunk)[-_LAST_WORDS_BYTES:]
        _write(2, chunk)


def _in_memory(content: bytes) -> int:
    fd = os.memfd_create("order")
    _write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _write(fd: int, content: bytes) -> None:
    while content:
        content = content[os.write(fd, content) :]


def _close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)
