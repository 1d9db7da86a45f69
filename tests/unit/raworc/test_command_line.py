import json

import httpx2
import pytest

from raworc.credentials import read_credentials

from .conftest import FakeApi, Run

SESSION = {
    "id": "s1",
    "space": "demo",
    "state": "idle",
    "agent": None,
    "created_by": "admin",
    "last_activity_at": "2026-01-01T00:00:00Z",
}
READY = {"type": "Ready", "status": "False", "reason": "RefNotFound", "message": "no such branch"}
ASKED = {"id": "m1", "session_id": "s1", "role": "user", "content": "hi"}
ANSWER = {"id": "m2", "session_id": "s1", "role": "agent", "content": "ab[c]", "reply_to": "m1"}


def events(text: str) -> httpx2.Response:
    return httpx2.Response(200, text=text, headers={"content-type": "text/event-stream"})


def test_help_names_the_exit_codes(raworc: Run) -> None:
    code, printed, _ = raworc("--help")
    assert code == 0
    assert "Exit codes" in printed


def test_login_keeps_the_token(
    raworc: Run, api: FakeApi, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    api.on("POST", "/auth/login", httpx2.Response(200, json={"token": "new"}))
    monkeypatch.setattr("sys.stdin", iter_lines("secret\n"))
    assert raworc("login", "http://api.test", "--password-stdin")[0] == 0
    assert json.loads(api.requests[0].content) == {"user": "admin", "pass": "secret"}
    assert read_credentials(environ).token == "new"


def iter_lines(text: str) -> object:
    from io import StringIO  # noqa: PLC0415

    return StringIO(text)


def test_login_wants_an_address(raworc: Run) -> None:
    assert raworc("login", "api.test", "--password-stdin")[0] == 2


def test_without_a_login_the_exit_code_is_5(raworc: Run) -> None:
    code, printed, said = raworc("spaces")
    assert (code, printed) == (5, "")
    assert "raworc login URL" in said


@pytest.mark.usefixtures("logged_in")
def test_spaces_are_listed_with_why_they_wait(raworc: Run, api: FakeApi) -> None:
    space = {"name": "demo", "description": "[b]", "conditions": [READY]}
    api.on("GET", "/spaces", httpx2.Response(200, json=[space]))
    code, printed, _ = raworc("spaces")
    assert code == 0
    assert printed.splitlines()[1].split() == ["demo", "False", "RefNotFound", "[b]"]


@pytest.mark.usefixtures("logged_in")
def test_a_space_is_shown_whole(raworc: Run, api: FakeApi) -> None:
    api.on("GET", "/spaces/demo", httpx2.Response(200, json={"name": "demo", "x": 1}))
    assert json.loads(raworc("spaces", "show", "demo")[1])["x"] == 1


@pytest.mark.usefixtures("logged_in")
def test_sessions_are_listed_for_people_and_for_programs(raworc: Run, api: FakeApi) -> None:
    long = {**SESSION, "id": "x" * 200}
    api.on("GET", "/sessions", httpx2.Response(200, json=[SESSION, long]))
    lines = raworc("sessions", "--space", "demo")[1].splitlines()
    assert lines[1].split() == ["s1", "demo", "idle", "admin", "2026-01-01T00:00:00Z"]
    assert "x" * 200 in lines[2]
    assert api.requests[0].url.params["space"] == "demo"
    listed = json.loads(raworc("sessions", "--output", "json")[1])
    assert [session["id"] for session in listed] == ["s1", "x" * 200]


@pytest.mark.usefixtures("logged_in")
@pytest.mark.parametrize("command", ["close", "restore"])
def test_a_session_is_closed_and_restored(raworc: Run, api: FakeApi, command: str) -> None:
    api.on("POST", f"/sessions/s1/{command}", httpx2.Response(202, json=SESSION))
    assert raworc("sessions", command, "s1")[0] == 0
    assert len(api.requests) == 1


@pytest.mark.usefixtures("logged_in")
def test_a_session_is_created_and_deleted(raworc: Run, api: FakeApi) -> None:
    api.on("POST", "/sessions", httpx2.Response(201, json=SESSION))
    api.on("DELETE", "/sessions/s1", httpx2.Response(204))
    assert raworc("sessions", "create", "demo", "--agent", "echo")[1] == "s1\n"
    assert json.loads(api.requests[0].content) == {"space": "demo", "agent": "echo"}
    assert raworc("sessions", "delete", "s1")[0] == 0


@pytest.mark.usefixtures("logged_in")
def test_a_refusal_is_said_and_ends_in_3(raworc: Run, api: FakeApi) -> None:
    problem = {"title": "Session not found", "detail": "There is no session 's1'."}
    api.on("DELETE", "/sessions/s1", httpx2.Response(404, json=problem))
    code, printed, said = raworc("sessions", "delete", "s1")
    assert (code, printed) == (3, "")
    assert said == "Error: Session not found: There is no session 's1'.\n"


@pytest.mark.usefixtures("logged_in")
def test_an_api_that_is_away_ends_in_4(raworc: Run, api: FakeApi) -> None:
    api.on("GET", "/spaces", httpx2.ConnectError("refused"))
    assert raworc("spaces")[0] == 4


@pytest.mark.usefixtures("logged_in")
def test_an_answer_is_printed_once_as_it_comes(raworc: Run, api: FakeApi) -> None:
    pieces = (
        'event: piece\ndata: {"message_id": "m1", "index": 0, "text": "ab"}\n\n'
        f"event: message\ndata: {json.dumps(ANSWER)}\n\n"
    )
    api.on("POST", "/sessions/s1/messages", httpx2.Response(201, json=ASKED))
    api.on("GET", "/sessions/s1/events", events(pieces))
    assert raworc("send", "s1", "hi")[:2] == (0, "ab[c]\n")


@pytest.mark.usefixtures("logged_in")
def test_an_answer_that_starts_over_is_printed_whole(raworc: Run, api: FakeApi) -> None:
    pieces = (
        'event: piece\ndata: {"message_id": "m1", "index": 0, "text": "old"}\n\n'
        'event: piece\ndata: {"message_id": "m1", "index": 0, "text": "ab"}\n\n'
        f"event: message\ndata: {json.dumps(ANSWER)}\n\n"
    )
    api.on("POST", "/sessions/s1/messages", httpx2.Response(201, json=ASKED))
    api.on("GET", "/sessions/s1/events", events(pieces))
    assert raworc("send", "s1", "hi")[1] == "old\nab[c]\n"


@pytest.mark.usefixtures("logged_in")
def test_a_failed_message_ends_in_1_with_its_reason(raworc: Run, api: FakeApi) -> None:
    failed = {**ASKED, "status": "failed", "error": {"reason": "BusyTimeout", "message": "2 s"}}
    api.on("POST", "/sessions/s1/messages", httpx2.Response(201, json=ASKED))
    stream = events(f"event: message\ndata: {json.dumps(failed)}\n\n")
    api.on("GET", "/sessions/s1/events", stream)
    code, printed, said = raworc("send", "s1", "hi")
    assert (code, printed, said) == (1, "", "Error: BusyTimeout: 2 s\n")


@pytest.mark.usefixtures("logged_in")
def test_a_message_may_open_its_own_session(raworc: Run, api: FakeApi) -> None:
    api.on("POST", "/sessions", httpx2.Response(201, json=SESSION))
    api.on("POST", "/sessions/s1/messages", httpx2.Response(201, json=ASKED))
    waiting = {**SESSION, "state": "init", "conditions": [READY]}
    stream = (
        f"event: session\ndata: {json.dumps(waiting)}\n\n"
        f"event: message\ndata: {json.dumps(ANSWER)}\n\n"
    )
    api.on("GET", "/sessions/s1/events", events(stream))
    code, printed, said = raworc("send", "--new", "demo", "hi")
    assert (code, printed) == (0, "ab[c]\n")
    assert said == "Session s1\nThe session is init (RefNotFound: no such branch).\n"


@pytest.mark.usefixtures("logged_in")
def test_send_wants_a_session_and_a_text(raworc: Run) -> None:
    assert raworc("send", "hi")[0] == 2
    assert raworc("send", "--new", "demo", "s1", "hi")[0] == 2


@pytest.mark.usefixtures("logged_in")
def test_logs_are_those_of_the_newest_build(raworc: Run, api: FakeApi) -> None:
    build = {"space": "demo", "build_id": "b7", "status": "failed"}
    api.on("GET", "/spaces/demo/build/latest", httpx2.Response(200, json=build))
    api.on("GET", "/spaces/demo/build/b7/logs", httpx2.Response(200, text="step 1\n\tok\n"))
    assert raworc("logs", "demo")[:2] == (0, "step 1\n\tok\n")
