import json

from raworc_api.core.problems import NotFoundProblem, TooManyProblem, invalid, pointer, render, said


def test_a_problem_says_what_rfc_9457_and_older_clients_want() -> None:
    response = render(NotFoundProblem("There is no session 'x'."))
    assert response.status_code == 404
    assert response.media_type == "application/problem+json"
    assert json.loads(bytes(response.body)) == {
        "type": "https://raworc.dev/problems/not-found",
        "title": "Not found",
        "status": 404,
        "detail": "There is no session 'x'.",
        "error": {"code": "NOT_FOUND", "message": "There is no session 'x'."},
    }


def test_a_problem_may_name_the_field_and_a_header() -> None:
    response = render(invalid("/agent", "must be known"))
    assert json.loads(bytes(response.body))["errors"] == [
        {"pointer": "/agent", "detail": "must be known"}
    ]
    assert render(TooManyProblem("Later.", retry_after=3)).headers["retry-after"] == "3"


def test_a_detail_that_utf_8_cannot_hold_is_written_all_the_same() -> None:
    assert b"\\ud800" in bytes(render(NotFoundProblem("\ud800")).body)


def test_pointers_follow_rfc_6901() -> None:
    assert pointer(("body", "agents", 0, "name")) == "/agents/0/name"
    assert pointer(("body", "a/b~c")) == "/a~1b~0c"
    assert pointer(("body",)) == "/"
    assert pointer(("query", "limit")) == "limit"


def test_what_is_wrong_is_said_without_jargon() -> None:
    assert said({"type": "extra_forbidden", "msg": "…"}) == "Unknown field."
    assert said({"type": "missing", "msg": "…"}) == "This field is required."
    assert said({"type": "value_error", "msg": "Value error, must be x"}) == "must be x"
