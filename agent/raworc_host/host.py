"""The life of a host: claim the session, answer its messages in order, hand it back."""

import time
from enum import IntEnum

from raworc_host.answering import Answering
from raworc_host.backoff import Backoff
from raworc_host.connection import AbandonedError
from raworc_host.conversation import Answer, Claim, Failed, Message
from raworc_host.journal import note
from raworc_host.platform_api import (
    ConflictError,
    FencedError,
    HostProtocolError,
    NotKnownError,
    PlatformApi,
    RefusedError,
    UnavailableError,
)
from raworc_host.stop import Stop

# Beyond the running turn's grace: to bring its answer to a server that is away just now.
_LAST_WORDS_SECONDS = 2.5
# Until a new session is mirrored the API server does not know it, and a client waits for it.
_UNKNOWN_SECONDS = 1.0


class ExitCode(IntEnum):
    """What the end of a host means to who looks at the pod."""

    STOPPED = 0
    # The kubelet starts it again, ever more slowly, until the pod that lost is deleted.
    FENCED = 3


class Host:
    """The host of one session, from its claim to its release."""

    def __init__(self, api: PlatformApi, answering: Answering, stop: Stop) -> None:
        self._api = api
        self._answering = answering
        self._stop = stop
        self._backoff = Backoff()
        self._complaint = ""

    def run(self) -> ExitCode:
        """Serve until told to stop, or until another pod hosts the session."""
        try:
            while claim := self._claim():
                self._answer_messages(claim)
            # Also without a claim that was heard of: the server may have taken one all the same.
            self._release()
        except FencedError as error:
            note(f"this pod no longer hosts the session: {error}")
            return ExitCode.FENCED
        return ExitCode.STOPPED

    def _claim(self) -> Claim | None:
        """Claim the session, however long that takes; None when told to stop."""
        while not self._stop.requested:
            try:
                claim = self._api.claim(self._stop.fd)
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
        while not self._stop.requested:
            try:
                message = message or self._api.next_message(self._stop.fd)
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
        answer = self._answering.answer(claim, message)
        if answer is None:
            note(f"message {message.id} is left to the next host: this one has to stop")
            return None
        return self._deliver(answer)

    def _deliver(self, answer: Answer) -> Message | None:
        """Post an answer until it is taken or refused, across outages of the API server."""
        while time.monotonic() < self._stop.deadline + _LAST_WORDS_SECONDS:
            try:
                return self._api.post_answer(answer)
            except UnavailableError as error:
                self._wait_after(error)
            except (RefusedError, ConflictError, NotKnownError) as error:
                # Not at once: what comes next may be this very message.
                self._wait_after(error)
                if isinstance(answer.outcome, Failed) or not isinstance(error, RefusedError):
                    return None
                outcome = Failed("InvalidAnswer", f"The answer was refused: {error}")
                answer = answer._replace(outcome=outcome)
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
