import httpx2
import pytest

from raworc.client import Client
from raworc.errors import (
    InvalidNameError,
    LoginRequiredError,
    RefusedError,
    UnexpectedAnswerError,
    UnreachableError,
)

from .conftest import FakeApi

SESSION = {"id": "s1", "space": "demo", "state": "idle"}
MESSAGE = {"id": "m1", "session_id": "s1", "role": "user", "content": "hi"}


@pytest.fixture
def client(api: FakeApi) -> Client:
    return Client("http://api.test/", "t0ken", transport=api.transport)


def test_every_request_carries_the_token(api: FakeApi, client: Client) -> None:
    api.on("GET", "/sessions/s1", httpx2.Response(200, json=SESSION))
    assert client.read_session("s1").state == "idle"
    assert api.requests[0].headers["Authorization"] == "Bearer t0ken"


def test_a_login_is_used_from_then_on(api: FakeApi) -> None:
    client = Client("http://api.test", transport=api.transport)
    api.on("POST", "/auth/login", httpx2.Response(200, json={"token": "new"}))
    api.on("GET", "/version", httpx2.Response(200, json={"version": "0.1.0"}))
    client.login("admin", "secret")
    client.version()
    assert api.requests[1].headers["Authorization"] == "Bearer new"


def test_a_list_goes_on_over_its_pages(api: FakeApi, client: Client) -> None:
    more = {"Link": '</api/v0/sessions?cursor=abc&space=demo>; rel="next"'}
    api.on(
        "GET",
        "/sessions",
        httpx2.Response(200, json=[SESSION], headers=more),
        httpx2.Response(200, json=[{**SESSION, "id": "s2"}]),
    )
    assert [session.id for session in client.list_sessions(space="demo")] == ["s1", "s2"]
    assert api.requests[0].url.query == b"space=demo"
    assert api.requests[1].url.params["cursor"] == "abc"


def test_a_name_stays_one_part_of_the_path(api: FakeApi, client: Client) -> None:
    api.on("GET", "/spaces/../accounts", httpx2.Response(404, json={"title": "Not found"}))
    with pytest.raises(RefusedError):
        client.read_space("../accounts")
    assert api.requests[0].url.raw_path == b"/api/v0/spaces/..%2Faccounts"


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_what_leads_somewhere_else_is_no_name(api: FakeApi, client: Client, name: str) -> None:
    with pytest.raises(InvalidNameError):
        client.delete_session(name)
    assert api.requests == []


def test_a_field_that_is_not_known_yet_is_kept(api: FakeApi, client: Client) -> None:
    api.on("GET", "/sessions/s1", httpx2.Response(200, json={**SESSION, "mood": "fine"}))
    assert client.read_session("s1").model_dump()["mood"] == "fine"


def test_a_problem_is_said_in_its_own_words(api: FakeApi, client: Client) -> None:
    problem = {
        "type": "/problems/invalid",
        "title": "Request is invalid",
        "detail": "1 field is wrong.",
        "errors": [{"pointer": "/space", "detail": "must be a string"}],
    }
    content = {"content-type": "application/problem+json"}
    api.on("POST", "/sessions", httpx2.Response(422, json=problem, headers=content))
    with pytest.raises(RefusedError) as refused:
        client.create_session("demo")
    assert refused.value.status == 422
    assert refused.value.problem == problem
    assert str(refused.value).splitlines() == [
        "Request is invalid: 1 field is wrong.",
        "  /space: must be a string",
    ]


def test_an_error_that_the_detail_says_is_said_once(api: FakeApi, client: Client) -> None:
    errors = [{"pointer": "/space", "detail": "too long"}]
    problem = {"title": "Invalid content", "detail": "/space: too long", "errors": errors}
    api.on("POST", "/sessions", httpx2.Response(422, json=problem))
    with pytest.raises(RefusedError) as refused:
        client.create_session("demo")
    assert str(refused.value) == "Invalid content: /space: too long"


def test_what_is_no_problem_is_quoted(api: FakeApi, client: Client) -> None:
    api.on("GET", "/version", httpx2.Response(502, text="upstream is away"))
    with pytest.raises(RefusedError, match="Bad Gateway: upstream is away"):
        client.version()


def test_an_expired_login_says_so(api: FakeApi, client: Client) -> None:
    api.on("GET", "/version", httpx2.Response(401, json={"title": "Token has expired"}))
    with pytest.raises(LoginRequiredError, match=r"Token has expired\nLog in again"):
        client.version()


def test_a_post_that_creates_has_a_key_of_its_own(api: FakeApi, client: Client) -> None:
    api.on("POST", "/sessions/s1/messages", httpx2.Response(201, json=MESSAGE))
    client.post_message("s1", "hi")
    client.post_message("s1", "hi")
    client.post_message("s1", "hi", key="mine")
    keys = [request.headers["Idempotency-Key"] for request in api.requests]
    assert len(set(keys)) == 3
    assert keys[2] == "mine"


def test_a_broken_connection_is_tried_again_with_the_same_key(api: FakeApi, client: Client) -> None:
    api.on(
        "POST",
        "/sessions/s1/messages",
        httpx2.ReadError("gone"),
        httpx2.RemoteProtocolError("gone"),
        httpx2.Response(201, json=MESSAGE),
    )
    assert client.post_message("s1", "hi").id == "m1"
    assert len({request.headers["Idempotency-Key"] for request in api.requests}) == 1


def test_tries_are_bounded(api: FakeApi, client: Client) -> None:
    api.on("GET", "/version", httpx2.ReadError("gone"))
    with pytest.raises(UnreachableError, match=r"No answer from api.test: gone"):
        client.version()
    assert len(api.requests) == 3


def test_what_may_not_be_repeated_is_sent_once(api: FakeApi, client: Client) -> None:
    api.on("POST", "/sessions/s1/close", httpx2.ReadError("gone"))
    with pytest.raises(UnreachableError):
        client.close_session("s1")
    assert len(api.requests) == 1


def test_a_stream_gives_events_and_skips_comments(api: FakeApi, client: Client) -> None:
    text = ': ping\n\nevent: piece\nid: 7\ndata: {"text": "a"}\n\n'
    stream = httpx2.Response(200, text=text, headers={"content-type": "text/event-stream"})
    api.on("GET", "/sessions/s1/events", stream)
    with client.open_events("s1", after="6") as events:
        (event,) = events
    assert (event.kind, event.id, event.data) == ("piece", "7", {"text": "a"})
    assert api.requests[0].headers["Last-Event-ID"] == "6"


def test_a_stream_that_is_refused_says_why(api: FakeApi, client: Client) -> None:
    api.on("GET", "/sessions/s1/events", httpx2.Response(404, json={"title": "No session"}))
    with pytest.raises(RefusedError, match="No session"), client.open_events("s1"):
        pass


@pytest.mark.parametrize(
    "url", ["http://[::1", "localhost:8080", "ftp://host", "http://", "nothing"]
)
def test_what_is_no_url_is_refused_in_words(url: str) -> None:
    with pytest.raises(InvalidNameError, match=r"URL|http"):
        Client(url)


def test_a_token_that_cannot_be_one_asks_for_a_login() -> None:
    with pytest.raises(LoginRequiredError):
        Client("http://api.test", "tök")


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(308, headers={"Location": "https://api.test/"}),
        httpx2.Response(200, text="<html>"),
        httpx2.Response(200, json={"no": "list"}),
    ],
)
def test_an_answer_of_something_else_is_said_in_words(
    api: FakeApi, client: Client, answer: httpx2.Response
) -> None:
    api.on("GET", "/spaces", answer)
    with pytest.raises(UnexpectedAnswerError, match="Check the URL"):
        list(client.list_spaces())


def test_text_that_is_no_text_is_refused_in_words(api: FakeApi, client: Client) -> None:
    api.on("POST", "/sessions/s1/messages", httpx2.Response(201, json=MESSAGE))
    with pytest.raises(InvalidNameError, match="UTF-8"):
        client.post_message("s1", "caf\udce9")
