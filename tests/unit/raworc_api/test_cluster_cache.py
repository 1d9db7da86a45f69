"""Answers that are kept for some seconds."""

from raworc_api.core.cache import ExpiringCache


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def test_an_answer_is_kept_for_its_time() -> None:
    clock = Clock()
    cache: ExpiringCache[str | None] = ExpiringCache(9, clock)
    cache.put("good", "yes", 10)
    cache.put("bad", None, 2)
    clock.time = 1.9
    assert cache.get("bad") == (None,)
    clock.time = 2
    assert cache.get("bad") is None
    assert cache.get("good") == ("yes",)
    clock.time = 10
    assert cache.get("good") is None


def test_the_oldest_answer_makes_room() -> None:
    cache: ExpiringCache[int] = ExpiringCache(2, Clock())
    for number in (1, 2, 1, 3):
        cache.put(number, number, 9)
    assert [cache.get(number) for number in (1, 2, 3)] == [(1,), None, (3,)]
