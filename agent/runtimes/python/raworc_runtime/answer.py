"""Gets the answer out of whatever a handler returns.

What is awaited runs in one event loop, which agents keep their clients and background tasks in. It
is the main thread's, as libraries that handle signals or start processes want it, and it runs
whenever the agent does not hold that thread: while an answer is awaited, and between turns, where
the wait for the next order is a task like any other.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from raworc_runtime.channel import whole_characters

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future, Runner

MAX_BYTES = 16 * 1024 * 1024

Result = TypeVar("Result")


class InvalidAnswerError(Exception):
    """What the handler returned is no answer."""


class AnswerTooLargeError(Exception):
    """The answer is longer than an answer may be."""

    def __init__(self) -> None:
        super().__init__("The answer is longer than 16 MiB.")


class Answers:
    """Turns results of handlers into text; pieces are passed on as they come."""

    def __init__(self, on_piece: Callable[[str], None]) -> None:
        self._on_piece = on_piece
        self._runner: Runner | None = None

    def text_of(self, result: object) -> str:
        """Return the answer, or what of it no piece held; wait for it where it is awaited."""
        if isinstance(result, Awaitable):
            return self.text_of(self._run(_awaited(result)))
        if isinstance(result, AsyncIterator):
            return self._run(self._gather(result))
        if isinstance(result, Iterator):
            pieces = _Pieces(self._on_piece)
            for piece in result:
                pieces.add(piece)
            return ""
        return _checked(result, "returned")

    async def _gather(self, result: AsyncIterator[object]) -> str:
        pieces = _Pieces(self._on_piece)
        async for piece in result:
            pieces.add(piece)
        return ""

    def wait_readable(self, fd: int) -> None:
        """Wait until there is something to read; what the agent left in its event loop goes on."""
        if self._runner is None:
            # The read that follows waits.
            return
        self._run(_readable(self._runner.get_loop(), fd))

    def close(self) -> None:
        """End what is left in the event loop, so that the agent's clean-up runs."""
        if self._runner is not None:
            self._runner.close()

    def _run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run in the one event loop, which stays."""
        if self._runner is None:
            import asyncio  # noqa: PLC0415 - takes longer than all the rest; most agents need none

            self._runner = asyncio.Runner()
        return self._runner.run(coroutine)


class _Pieces:
    """The pieces of one answer."""

    def __init__(self, on_piece: Callable[[str], None]) -> None:
        self._on_piece = on_piece
        self._bytes = 0

    def add(self, piece: object) -> None:
        text = _checked(piece, "yielded")
        self._bytes += len(text.encode())
        if self._bytes > MAX_BYTES:
            raise AnswerTooLargeError
        if text:
            self._on_piece(text)


async def _readable(loop: "AbstractEventLoop", fd: int) -> None:
    is_readable = loop.create_future()
    loop.add_reader(fd, _settle, is_readable)
    try:
        await is_readable
    finally:
        loop.remove_reader(fd)


def _settle(is_readable: "Future[None]") -> None:
    if not is_readable.done():
        is_readable.set_result(None)


async def _awaited(result: Awaitable[Result]) -> Result:
    return await result


def _checked(value: object, how: str) -> str:
    if not isinstance(value, str):
        raise InvalidAnswerError(
            f"The handler {how} a value of type '{type(value).__name__}'; it must be a str."
        )
    text = whole_characters(value)
    if len(text.encode()) > MAX_BYTES:
        raise AnswerTooLargeError
    return text
