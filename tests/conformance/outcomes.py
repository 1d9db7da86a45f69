"""What may come of a message."""

import re
from dataclasses import dataclass

from tests.conformance.stage import Reply


@dataclass(frozen=True)
class Fails:
    """A failed message: its reason, and words that it must have."""

    reason: str
    words: str


Outcome = str | Fails


def assert_outcome(reply: Reply, outcome: Outcome) -> None:
    if isinstance(outcome, str):
        assert (reply.answer, reply.failed) == (outcome, None)
        return
    assert reply.failed, reply.answer
    assert re.fullmatch(outcome.reason, reply.failed.reason), reply.failed
    assert outcome.words in reply.failed.message
