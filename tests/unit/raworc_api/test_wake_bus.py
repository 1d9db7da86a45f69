"""Waking who waits, in one process."""

import asyncio
from threading import Thread

import pytest

from raworc_api.core.wake import Bus, Hint, Reader, session_topic

ONE = session_topic("one")


@pytest.fixture
async def bus() -> Bus:
    bus = Bus()
    bus.open()
    return bus


def publish_in_a_thread(bus: Bus, topic: str, *texts: str) -> None:
    def publish() -> None:
        for text in texts:
            bus.publish(topic, {"text": text})

    thread = Thread(target=publish)
    thread.start()
    thread.join()


def texts(hints: list[Hint]) -> list[str]:
    return [hint.data["text"] for hint in hints if hint.data is not None]


async def test_a_reader_hears_its_topic_from_any_thread_and_in_order(bus: Bus) -> None:
    with bus.read(ONE) as reader, bus.read(session_topic("two")) as other:
        publish_in_a_thread(bus, ONE, "a", "b", "c")
        assert texts(await reader.take(1)) == ["a", "b", "c"]
        assert await other.take(0.01) == []


async def test_every_reader_of_a_topic_hears_the_same(bus: Bus) -> None:
    with bus.read(ONE) as first, bus.read(ONE) as second:
        bus.publish(ONE)
        assert await first.take(1) == await second.take(1) == [Hint(topic=ONE)]


async def test_a_waiting_reader_is_woken(bus: Bus) -> None:
    with bus.read(ONE) as reader:
        waiting = asyncio.create_task(reader.take(5))
        await asyncio.sleep(0)
        bus.publish(ONE)
        assert await waiting == [Hint(topic=ONE)]


async def test_without_hints_a_reader_gets_none_in_time(bus: Bus) -> None:
    with bus.read(ONE) as reader:
        assert await reader.take(0.01) == []


async def test_news_that_can_wait_come_with_what_follows_them(bus: Bus) -> None:
    with bus.read(ONE) as reader:
        bus.publish(ONE, {"text": "question"}, can_wait=True)
        waiting = asyncio.create_task(reader.take(5, patience=5))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        bus.publish(ONE, {"text": "taken"}, can_wait=True)
        bus.publish(ONE, {"text": "answer"})
        assert texts(await asyncio.wait_for(waiting, 1)) == ["question", "taken", "answer"]


async def test_news_that_can_wait_do_not_wait_for_ever(bus: Bus) -> None:
    with bus.read(ONE) as reader:
        for text in ("one", "two"):
            bus.publish(ONE, {"text": text}, can_wait=True)
            assert texts(await reader.take(5, patience=0.01)) == [text]


async def test_who_has_no_patience_hears_at_once(bus: Bus) -> None:
    with bus.read(ONE) as reader:
        bus.publish(ONE, {"text": "question"}, can_wait=True)
        assert texts(await asyncio.wait_for(reader.take(5), 1)) == ["question"]


async def test_a_reader_that_left_is_forgotten(bus: Bus) -> None:
    with bus.read(ONE):
        pass
    bus.publish(ONE)
    assert bus._readers == {}


async def test_a_reader_far_behind_is_told_to_look_again() -> None:
    reader = Reader(ONE, limit=2)
    for text in "abc":
        reader.offer(Hint(topic=ONE, data={"text": text}))
    reader.offer(Hint(topic=ONE, data={"text": "d"}))
    assert await reader.take(1) == [Hint(topic=ONE), Hint(topic=ONE, data={"text": "d"})]


async def test_a_listener_is_called_until_it_ends(bus: Bus) -> None:
    calls: list[str] = []
    end = bus.listen("outbox", lambda: calls.append("called"))
    bus.publish("outbox")
    bus.receive(Hint(topic="outbox"))
    bus.publish("other")
    end()
    bus.publish("outbox")
    assert calls == ["called", "called"]


async def test_what_others_publish_is_not_sent_back(bus: Bus) -> None:
    sent: list[Hint] = []

    class Outside:
        def send(self, hint: Hint) -> None:
            sent.append(hint)

    bus.open(Outside())
    bus.publish("a")
    bus.receive(Hint(topic="b"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert sent == [Hint(topic="a")]


def test_a_bus_that_is_not_open_wakes_its_listeners_all_the_same() -> None:
    bus, calls = Bus(), list[str]()
    bus.listen("outbox", lambda: calls.append("called"))
    bus.publish("outbox")
    bus._loop = asyncio.new_event_loop()
    bus._loop.close()
    bus.publish("outbox")
    bus.close()
    bus.publish("outbox")
    assert len(calls) == 3
