"""The queue before the mirror's worker."""

from typing import Any

from raworc_api.mirror.inbox import Inbox, Listed, Seen


def seen(name: str, **fields: object) -> Seen:
    return Seen("AgentSession", {"metadata": {"name": name, "namespace": "raworc-a"}, **fields})


def empty(inbox: Inbox) -> list[Any]:
    inbox.take_hint()
    return list(iter(lambda: inbox.take(0), None))


def test_items_keep_their_order() -> None:
    inbox, listed = Inbox(), Listed("AgentSession", frozenset())
    for item in (seen("b"), seen("a"), listed):
        inbox.put(item)
    assert empty(inbox) == [seen("b"), seen("a"), listed]


def test_a_later_word_takes_the_place_of_an_earlier_one() -> None:
    inbox = Inbox()
    for item in (seen("a", spec=1), seen("b"), seen("a", spec=2)):
        inbox.put(item)
    assert empty(inbox) == [seen("a", spec=2), seen("b")]


def test_what_is_put_back_does_not_hide_newer_word() -> None:
    inbox = Inbox()
    inbox.put(seen("a", spec=2))
    inbox.put_back(seen("a", spec=1))
    inbox.put_back(seen("b"))
    assert empty(inbox) == [seen("a", spec=2), seen("b")]


def test_a_hint_comes_before_any_item() -> None:
    inbox = Inbox()
    inbox.put(seen("a"))
    assert inbox.take_hint()  # the outbox is looked at when the mirror starts
    inbox.hint()
    assert inbox.take(0) is None
    assert inbox.take_hint()
    assert not inbox.take_hint()
    assert inbox.take(0) == seen("a")


def test_nothing_comes_of_nothing() -> None:
    inbox = Inbox()
    inbox.take_hint()
    assert inbox.take(0) is None
