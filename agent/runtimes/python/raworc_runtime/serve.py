"""Loads the agent, then answers one message after the other until the runner leaves."""

import signal
import sys
from types import FrameType, TracebackType
from typing import Any

from raworc_runtime.answer import Answers, AnswerTooLargeError, InvalidAnswerError
from raworc_runtime.channel import Channel
from raworc_runtime.failure import describe
from raworc_runtime.handler import Handler, HandlerNotFoundError, load_handler

_REASONS: dict[type[BaseException], str] = {
    HandlerNotFoundError: "HandlerNotFound",
    InvalidAnswerError: "InvalidAnswer",
    AnswerTooLargeError: "AnswerTooLarge",
}


def serve(folder: str, name: str) -> None:
    """Be the agent: from its import to the end of its orders."""
    signal.signal(signal.SIGTERM, _exit)
    channel = Channel()
    answers = Answers(channel.tell_piece)
    handler: Handler | None = None
    with _Told(channel, folder, "LoadFailed"):
        handler = load_handler(folder, name)
    if handler is None:
        return
    channel.tell_ready()
    try:
        for order in channel.orders(answers.wait_readable):
            with _Told(channel, folder, "AgentError"):
                channel.tell_answer(_answer(handler, answers, order))
    finally:
        answers.close()


def _exit(number: int, _: FrameType | None) -> None:
    """End as SIGTERM asks, but let the agent's `finally` and `atexit` do what they are for."""
    sys.exit(128 + number)


def _answer(handler: Handler, answers: Answers, order: dict[str, Any]) -> str:
    return answers.text_of(handler(order["message"], order["context"]))


class _Told:
    """Tells the runner whatever the agent's code raises, and carries on.

    An exit is none of it: an agent that asks to exit does, and the runner sees with which code.
    """

    def __init__(self, channel: Channel, folder: str, reason: str) -> None:
        self._channel = channel
        self._folder = folder
        self._reason = reason

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if kind is None or error is None or issubclass(kind, SystemExit):
            return False
        if kind in _REASONS:
            self._channel.tell_failed(_REASONS[kind], str(error))
            return True
        # The whole of it for the log; the answer's failure holds what points to the cause.
        sys.__excepthook__(kind, error, trace)
        self._channel.tell_failed(self._reason, describe(error, self._folder))
        return True
