"""The text of an answer while it grows."""

import json

import pytest

from raworc_host.spool import MAX_BYTES, Spool, TooLongError


def test_a_text_of_every_width_reads_back_in_slices_of_whole_characters() -> None:
    text = 'aä€🌍\n"\\\x01' * 20_000
    spool = Spool()
    for start in range(0, len(text), 7):
        spool.add(text[start : start + 7])
    read, place = "", 0
    while place < len(spool):
        piece, place = spool.read(place, 1001)
        assert len(piece.encode()) <= 1001
        read += piece
    assert read == text
    assert json.loads(b'"' + b"".join(spool.json_slices()) + b'"') == text


def test_halves_of_characters_are_replaced() -> None:
    assert Spool("\ud83c!").read(0, 100) == ("?!", 2)


def test_an_answer_ends_at_16_mib() -> None:
    spool = Spool("x" * (MAX_BYTES - 1))
    with pytest.raises(TooLongError, match="longer than 16 MiB"):
        spool.add("ä")
    spool.add("x")
    assert len(spool) == MAX_BYTES
