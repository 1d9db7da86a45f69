"""A conversation with the agent ``memory``, which must survive whatever a test does."""

from dataclasses import dataclass, field
from typing import Self

from tests.e2e.progress import answer

from raworc.client import Client
from raworc.records import Message, Session


@dataclass
class Talk:
    """A session, and all that was said in it."""

    session: Session
    facts: tuple[str, ...]
    messages: list[Message] = field(default_factory=list)

    @classmethod
    def begin(cls, api: Client, session: Session, *facts: str) -> Self:
        """Have some facts remembered, which the agent keeps in a file."""
        for fact in facts:
            answer(api, api.post_message(session.id, f"remember {fact}"))
        return cls(session, facts, list(api.list_messages(session.id)))

    def goes_on(self, api: Client) -> None:
        """Check that every message and every file is there, and that the next one is answered."""
        assert list(api.list_messages(self.session.id)) == self.messages
        said = answer(api, api.post_message(self.session.id, "what do you know?"))
        number = len(self.messages) // 2 + 1
        assert said == f"This is message {number} of our session. I know: {'; '.join(self.facts)}."
        self.messages = list(api.list_messages(self.session.id))
