"""One look for everyone who waits."""

from collections.abc import Mapping, Sequence

from sqlalchemy import StaticPool, create_engine

from raworc_api.core.database import Transaction, open_database
from raworc_api.core.looks import Looks, Question
from raworc_api.core.threads import Threads
from raworc_api.core.wake import Bus


def refuse(_: Transaction, __: Sequence[str]) -> Mapping[str, object]:
    raise ValueError("a row that nobody can read")


def answer(_: Transaction, names: Sequence[str]) -> Mapping[str, object]:
    return dict.fromkeys(names, 2)


async def test_a_question_that_fails_holds_back_no_other_and_wakes_who_saw_another_value() -> None:
    engine = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
    )
    bus = Bus()
    questions = [Question("bad:", refuse), Question("good:", answer)]
    looks = Looks(open_database(engine), Threads(1), bus, questions)
    with bus.read("bad:x"), bus.read("good:x") as behind, bus.read("good:x") as current:
        behind.seen, current.seen = {"good:x": 1}, {"good:x": 2}
        await looks.look()
        assert [hint.topic for hint in await behind.take(0.01)] == ["good:x"]
        assert await current.take(0.01) == []
    looks.check()
    engine.dispose()
