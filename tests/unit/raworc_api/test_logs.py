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
    ("path", "status", "is_worth"),
    [
        ("/health", 200, False),
        ("/ready?x=1", 503, False),
        ("/internal/wake", 204, False),
        ("/api/v0/spaces", 200, True),
        ("/api/v0/host/messages/next?wait=50", 204, False),
        ("/api/v0/host/messages/next?wait=50", 409, True),
        ("/api/v0/host/claim", 200, True),
    ],
)
def test_what_is_asked_all_day_is_left_out(path: str, status: int, *, is_worth: bool) -> None:
    access = record('%s - "%s %s HTTP/%s" %d', "10.0.0.1", "GET", path, "1.1", status)
    assert is_worth_a_line(access) is is_worth
