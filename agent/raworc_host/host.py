"""The life of a host: claim the session, answer its messages in order, hand it back."""

import time
from enum import IntEnum

from raworc_host.answering import Answering
from raworc_host.backoff import Backoff
from raworc_host.connection import AbandonedError
from raworc_host.conversation import Answer, Answered, Claim, Failed, Message
from raworc_host.door import Attention
from raworc_host.platform_api import (
    ConflictError,
    FencedError,
    HostProtocolError,
    NotKnownError,
    PlatformApi,
    RefusedError,
    UnavailableError,
)
from raworc_runner.journal import note

# Beyond the running turn's grace: to bring its answer to a server that is away just now.
LAST_WORDS_SECONDS = 2.5
# Until a new session is mirrored the API server does not know it, and a client waits for it.
_UNKNOWN_SECONDS = 1.0


class ExitCode(IntEnum):
    """What the end of a host means to who looks at the pod."""

    STOPPED = 0
    # The kubelet starts it again, ever more slowly, until the pod that lost is deleted.
    FENCED = 3


class Host:
    """The host of one session, from its claim to its release."""

    def __init__(self, api: PlatformApi, answering: Answering, attention: Attention) -> None:
        self._api = api
        self._answering = answering
        self._attention = attention
        self._door = attention.door
        self._stop = attention.stop
        self._backoff = Backoff()
        self._complaint = ""

    def run(self) -> ExitCode:
        """Serve until told to stop, or until another pod hosts the session."""
        try:
            # A session that is claimed shall answer: its agents' container comes first.
            self._attention.await_runner()
            while claim := self._claim():
                self._answer_messages(claim)
            # Also without a claim that was heard of: the server may have taken one all the same.
            self._release()
        except FencedError as error:
            note(f"this pod no longer hosts the session: {error}")
            self._door.drop()
            return ExitCode.FENCED
        self._door.dismiss()
        return ExitCode.STOPPED

    def _claim(self) -> Claim | None:
        """Claim the session, however long that takes; None when told to stop."""
        while not self._stop.requested:
            try:
                claim = self._api.claim(self._stop)
            except AbandonedError:
                continue
            except (ConflictError, FencedError) as error:
                raise FencedError(str(error)) from error
            except HostProtocolError as error:
                self._wait_after(error)
            else:
                note(f"hosts session {claim.session_id} of space '{claim.space}'")
                return claim
        return None

    def _answer_messages(self, claim: Claim) -> None:
        """Answer one message after the other, until told to stop or to claim anew."""
        message: Message | None = None
        while self._attention.await_runner():
            try:
                message = message or self._api.next_message(self._attention)
                self._worked()
                message = self._answer(claim, message) if message else None
            except AbandonedError:
                continue
            except NotKnownError as error:
                self._wait_after(error)
                return
            except ConflictError as error:
                raise FencedError(str(error)) from error
            except (UnavailableError, RefusedError) as error:
                self._wait_after(error)

    def _answer(self, claim: Claim, message: Message) -> Message | None:
        """Answer a message; return the next one, if it came with the receipt."""
        runner = self._door.runner
        if runner is None:
            # It went while the message came; the next one answers it.
            return message
        answer = self._answering.answer(claim, message, runner)
        if answer is None:
            note(f"message {message.id} is left to the next host: this one has to stop")
            return None
        return self._deliver(answer)

    def _deliver(self, answer: Answer) -> Message | None:
        """Post an answer until it is taken or refused, across outages of the API server."""
        while time.monotonic() < self._stop.deadline + LAST_WORDS_SECONDS:
            try:
                return self._api.post_answer(answer)
            except (UnavailableError, RefusedError) as error:
                self._wait_after(error)
                if isinstance(error, RefusedError):
                    answer = _without_what_was_refused(answer, error)
            except (ConflictError, NotKnownError) as error:
                # Not at once: what comes next may be this very message.
                self._wait_after(error)
                return None
        return None

    def _release(self) -> None:
        try:
            self._api.release()
        except HostProtocolError as error:
            note(f"the session could not be released: {error}")

    def _worked(self) -> None:
        self._backoff.reset()
        self._complaint = ""

    def _wait_after(self, error: HostProtocolError) -> None:
        """Wait before the next try; say why, but the same only once."""
        if str(error) != self._complaint:
            note(f"will try again: {error}")
        self._complaint = str(error)
        delay = self._backoff.next_delay()
        is_unknown = isinstance(error, NotKnownError)
        self._stop.pause(min(delay, _UNKNOWN_SECONDS) if is_unknown else delay)


def _without_what_was_refused(answer: Answer, error: RefusedError) -> Answer:
    """Make an answer that says less, and in the end nothing that could be refused.

    The message is never answered again for that: its agent may have done much already, and would
    be refused again.
    """
    if isinstance(answer.outcome, Answered):
        return answer._replace(outcome=Failed("InvalidAnswer", f"The answer was refused: {error}"))
    bare = Failed("InvalidAnswer", "What the agent answered was refused.")
    return Answer(answer.attempt, bare, None, {})
