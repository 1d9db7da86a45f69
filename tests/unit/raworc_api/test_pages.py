from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from raworc_api.core.pages import PageQuery, cut, read_cursor, write_cursor
from raworc_api.core.problems import InvalidProblem

NOON = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def test_a_row_more_than_asked_means_another_page() -> None:
    assert cut([1, 2, 3], 2) == ([1, 2], 2)
    assert cut([1, 2], 2) == ([1, 2], None)
    assert cut([], 2) == ([], None)


def test_a_limit_that_is_too_large_is_cut_and_one_below_one_refused() -> None:
    assert PageQuery(limit=10**30).limit == 1000
    with pytest.raises(ValidationError):
        PageQuery(limit=0)


def test_a_cursor_reads_back_as_it_was_written() -> None:
    assert read_cursor(write_cursor(NOON, "an-id")) == (NOON, "an-id")
    assert read_cursor(None) is None


@pytest.mark.parametrize("text", ["", "x", "é", "AAAA", write_cursor(NOON, "two words")])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidProblem):
        read_cursor(text)
