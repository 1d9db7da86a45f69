"""Frames, and the channel that carries them."""

import json
import os
import socket
from collections.abc import Iterator

import pytest

from raworc_runner.channel import (
    MAX_FRAME,
    MAX_TEXT,
    Channel,
    Event,
    FrameError,
    decode,
    encode,
    parts,
)


@pytest.fixture
def pair() -> Iterator[tuple[Channel, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours.fileno(), ours.fileno()), theirs


def frame(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def test_an_event_comes_through_as_it_was_sent(pair: tuple[Channel, socket.socket]) -> None:
    channel, peer = pair
    events: list[Event] = [
        {"type": "piece", "text": "Grüße 🌍\0\n", "is_last": False},
        {"n": 7, "none": None},
    ]
    peer.sendall(b"".join(map(encode, events)))
    assert channel.receive() == events
    assert channel.receive() == []


def test_frames_that_come_in_crumbs_are_put_together(pair: tuple[Channel, socket.socket]) -> None:
    channel, peer = pair
    got: list[Event] = []
    for byte in encode({"a": "b"}) * 2:
        peer.sendall(bytes([byte]))
        got += channel.receive()
    assert got == [{"a": "b"}] * 2


def test_the_longest_text_of_the_widest_characters_fits_into_a_frame() -> None:
    for character in ("\x01", "🌍", "ä", '"'):
        text: Event = {"type": "answer", "text": character * MAX_TEXT, "is_last": True}
        body = encode(text)[4:]
        assert len(body) <= MAX_FRAME
        assert decode(body) == text


def test_halves_of_characters_never_travel() -> None:
    assert decode(encode({"text": "half \ud83c"})[4:]) == {"text": "half ?"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b'{"a":"\xff"}',
        b'{"a":1.5}',
        b'{"a":NaN}',
        b'{"a":[]}',
        b'{"a":{"b":1}}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' + b"9" * 100_000 + b"}",
        b'{"a":' + b'{"a":' * 40_000,
    ],
    ids=lambda body: body[:12].decode("latin-1"),
)
def test_what_is_no_flat_object_is_refused(
    pair: tuple[Channel, socket.socket], body: bytes
) -> None:
    channel, peer = pair
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MAX_FRAME)
    peer.sendall(frame(body))
    with pytest.raises(FrameError):
        channel.receive()


@pytest.mark.parametrize("length", [MAX_FRAME + 1, 2**32 - 1])
def test_a_frame_that_would_be_too_large_is_refused_before_it_comes(
    pair: tuple[Channel, socket.socket], length: int
) -> None:
    channel, peer = pair
    peer.sendall(length.to_bytes(4, "big"))
    with pytest.raises(FrameError, match=f"A frame of {length} bytes came; {MAX_FRAME}"):
        channel.receive()


def test_a_flood_fills_no_more_than_a_few_frames(pair: tuple[Channel, socket.socket]) -> None:
    channel, peer = pair
    peer.settimeout(0.1)
    flood = encode({"text": "x" * MAX_TEXT}) * 1000
    with pytest.raises(TimeoutError):
        peer.sendall(flood)
    events = channel.receive()
    assert sum(len(str(event["text"])) for event in events) <= 2 * MAX_FRAME
    assert len(channel._incoming) <= 2 * MAX_FRAME


def test_what_a_peer_does_not_take_waits_for_it(pair: tuple[Channel, socket.socket]) -> None:
    channel, peer = pair
    for _ in range(100):
        channel.send({"text": "x" * MAX_TEXT})
    assert channel.pending > 0
    got = bytearray()
    while channel.pending:
        got += peer.recv(1024 * 1024)
        channel.flush()
    sent = encode({"text": "x" * MAX_TEXT}) * 100
    while len(got) < len(sent):
        got += peer.recv(1024 * 1024)
    assert bytes(got) == sent


def test_a_peer_that_is_gone_ends_the_channel_after_its_last_words(
    pair: tuple[Channel, socket.socket],
) -> None:
    channel, peer = pair
    peer.sendall(encode({"last": "words"}))
    peer.close()
    assert channel.receive() == [{"last": "words"}]
    channel.receive()
    assert channel.has_ended
    channel.send({"too": "late"})
    assert channel.pending == 0


def test_a_channel_over_pipes_works_alike() -> None:
    (orders_out, orders_in), (events_out, events_in) = os.pipe(), os.pipe()
    host, agent = Channel(events_out, orders_in), Channel(orders_out, events_in)
    host.send({"order": 1})
    assert agent.receive() == [{"order": 1}]
    agent.send({"event": 2})
    assert host.receive() == [{"event": 2}]
    host.close()
    agent.receive()
    assert agent.has_ended
    agent.close()


@pytest.mark.parametrize("length", [0, 1, MAX_TEXT, MAX_TEXT + 1, 3 * MAX_TEXT])
def test_a_text_is_cut_into_parts_of_which_one_is_the_last(length: int) -> None:
    text = "x" * length
    cut = list(parts(text))
    assert "".join(part for part, _ in cut) == text
    assert [is_last for _, is_last in cut] == [False] * (len(cut) - 1) + [True]
    assert max(len(part) for part, _ in cut) <= MAX_TEXT
    assert json.dumps(cut)
