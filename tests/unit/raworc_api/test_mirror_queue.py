"""The queue before the mirror's workers."""

import threading

from raworc_api.mirror.outbox import RecordKey
from raworc_api.mirror.queue import Absence, Lane, ObjectEvent, Task, WorkQueue


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def key(name: str, space: str = "team") -> RecordKey:
    return RecordKey("AgentSession", space, name)


def event(text: str = "") -> ObjectEvent:
    return ObjectEvent({"spec": text}, received_at=0, identity=None)


def take(queue: WorkQueue) -> Task:
    task = queue.take(0)
    assert task is not None
    return task


def work_off(queue: WorkQueue) -> list[Task]:
    """Take everything, one after the other."""
    tasks = []
    while task := queue.take(0):
        tasks.append(task)
        queue.done(task)
    return tasks


def names(tasks: list[Task]) -> list[str]:
    return [task.key.name for task in tasks]


def test_keys_of_one_space_keep_their_order() -> None:
    queue = WorkQueue()
    for name in "bac":
        queue.put(Lane.IMPORTS, key(name), event())
    assert names(work_off(queue)) == ["b", "a", "c"]


def test_the_newest_word_on_a_record_takes_the_place_of_earlier_ones() -> None:
    queue = WorkQueue()
    for name, text in (("a", "old"), ("b", ""), ("a", "new")):
        queue.put(Lane.IMPORTS, key(name), event(text))
    assert [task.item for task in work_off(queue)] == [event("new"), event()]


def test_an_absence_does_not_hide_an_event_but_an_event_hides_an_absence() -> None:
    queue = WorkQueue()
    queue.put(Lane.IMPORTS, key("a"), event())
    queue.put(Lane.IMPORTS, key("a"), Absence("uid", None))
    queue.put(Lane.IMPORTS, key("b"), Absence("uid", None, is_held=True))
    queue.put(Lane.IMPORTS, key("b"), Absence("uid", None))
    queue.put(Lane.IMPORTS, key("c"), Absence("uid", None))
    queue.put(Lane.IMPORTS, key("c"), event())
    assert [task.item for task in work_off(queue)] == [event(), Absence("uid", None), event()]


def test_lanes_take_turns_and_none_starves() -> None:
    queue = WorkQueue()
    for number in range(100):
        queue.put(Lane.IMPORTS, key(f"i{number}"), event())
    queue.put_rows(Lane.WISHES, [key("w1"), key("w2")], has_more=False)
    queue.put_rows(Lane.REPORTS, [key("r1"), key("r2")], has_more=False)
    assert set(names(work_off(queue))[:6]) == {"w1", "i0", "r1", "w2", "i1", "r2"}


def test_spaces_take_turns_in_a_lane() -> None:
    queue = WorkQueue()
    for number in range(100):
        queue.put(Lane.IMPORTS, key(f"s{number}", "huge"), event())
    for name in "ab":
        queue.put(Lane.IMPORTS, key(name), event())
    assert names(work_off(queue))[:5] == ["s0", "a", "s1", "b", "s2"]


def test_a_record_is_with_one_worker_at_a_time() -> None:
    queue = WorkQueue()
    queue.put(Lane.IMPORTS, key("a"), event("first"))
    first = take(queue)
    queue.put(Lane.IMPORTS, key("a"), event("second"))
    queue.put_rows(Lane.WISHES, [key("a"), key("b")], has_more=False)
    assert names([take(queue)]) == ["b"]
    assert queue.take(0) is None
    queue.done(first)
    assert names([take(queue)]) == ["a"]


def test_what_failed_comes_back_later_and_ever_later() -> None:
    clock = Clock()
    queue = WorkQueue(clock)
    queue.put(Lane.IMPORTS, key("a"), event())
    waits = []
    for _ in range(12):
        task = take(queue)
        queue.retry(task)
        queue.done(task)
        before = clock.now
        while queue.take(0) is None:
            clock.now += 0.1
        queue.retry(task)
        queue.done(task)
        waits.append(clock.now - before)
        clock.now += 60
    assert waits[0] < 0.5
    assert waits == sorted(waits)
    assert 29 < waits[-1] < 31


def test_what_comes_back_does_not_hide_newer_word() -> None:
    clock = Clock()
    queue = WorkQueue(clock)
    queue.put(Lane.IMPORTS, key("a"), event("old"))
    task = take(queue)
    queue.retry(task)
    queue.done(task)
    queue.put(Lane.IMPORTS, key("a"), event("new"))
    clock.now += 60
    assert [task.item for task in work_off(queue)] == [event("new")]


def test_what_failed_does_not_come_back_after_newer_word_was_done() -> None:
    clock = Clock()
    queue = WorkQueue(clock)
    queue.put(Lane.IMPORTS, key("a"), event("old"))
    task = take(queue)
    queue.retry(task)
    queue.done(task)
    queue.put(Lane.IMPORTS, key("a"), event("new"))
    work_off(queue)
    clock.now += 60
    assert work_off(queue) == []


def test_what_fails_while_newer_word_waits_does_not_come_back() -> None:
    clock = Clock()
    queue = WorkQueue(clock)
    queue.put(Lane.IMPORTS, key("a"), event("old"))
    task = take(queue)
    queue.put(Lane.IMPORTS, key("a"), event("new"))
    queue.retry(task)
    queue.done(task)
    assert [task.item for task in work_off(queue)] == [event("new")]
    clock.now += 60
    assert work_off(queue) == []


def test_what_failed_comes_back_though_an_absence_came_later() -> None:
    clock = Clock()
    queue = WorkQueue(clock)
    queue.put(Lane.IMPORTS, key("a"), event())
    task = take(queue)
    queue.put(Lane.IMPORTS, key("a"), Absence("uid", None))
    queue.retry(task)
    queue.done(task)
    assert [task.item for task in work_off(queue)] == [Absence("uid", None)]
    clock.now += 60
    assert [task.item for task in work_off(queue)] == [event()]


def test_the_outbox_is_read_again_when_a_hint_comes_or_little_is_left() -> None:
    queue = WorkQueue()
    queue.wait_for_hint(60)  # at the start it is read at once
    queue.put_rows(Lane.WISHES, [key(str(number)) for number in range(50)], has_more=True)
    assert not queue.needs_rows(Lane.WISHES)
    assert queue.needs_rows(Lane.REPORTS)
    waiter = threading.Thread(target=queue.wait_for_hint, args=(60,))
    waiter.start()
    for _ in range(41):
        queue.done(take(queue))
    waiter.join(10)
    assert not waiter.is_alive()
    assert queue.needs_rows(Lane.WISHES)
    queue.hint()
    queue.wait_for_hint(60)


def test_a_closed_queue_lets_everyone_go() -> None:
    queue = WorkQueue()
    waiter = threading.Thread(target=queue.take, args=(60,))
    waiter.start()
    queue.close()
    waiter.join(10)
    assert not waiter.is_alive()
    queue.wait_for_hint(60)
    queue.wait_for_hint(60)
