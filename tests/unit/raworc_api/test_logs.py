import json
import logging

import pytest

from raworc_api.core.logs import JsonLine, is_worth_a_line


def record(message: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord("raworc", logging.INFO, "file", 1, message, values, None)


def test_a_record_is_one_line_whatever_it_holds() -> None:
    line = JsonLine().format(record("two\nlines of %s", '"x"'))
    assert "\n" not in line
    assert json.loads(line)["message"] == 'two\nlines of "x"'


@pytest.mark.parametrize(
    ("path", "is_worth"),
    [
        ("/health", False),
        ("/ready?x=1", False),
        ("/internal/wake", False),
        ("/api/v0/spaces", True),
    ],
)
def test_what_is_asked_all_day_is_left_out(path: str, *, is_worth: bool) -> None:
    access = record('%s - "%s %s HTTP/%s" %d', "10.0.0.1", "GET", path, "1.1", 200)
    assert is_worth_a_line(access) is is_worth
