from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from raworc_api.accounts.schemas import LoginBody
from raworc_api.core.bodies import Metadata, PlainText
from raworc_api.core.idempotency import fingerprint
from raworc_api.host.schemas import AnswerBody, PieceBody
from raworc_api.messages.schemas import MessageBody
from raworc_api.sessions.schemas import SessionBody, SessionQuery
from raworc_api.spaces.schemas import SpaceBody, SpaceFields
from raworc_crds.space import SpaceSpec

METADATA: TypeAdapter[dict[str, Any]] = TypeAdapter(Metadata)
TEXT: TypeAdapter[str] = TypeAdapter(PlainText)


def nested(depth: int) -> dict[str, Any]:
    return {"a": nested(depth - 1)} if depth else {}


@pytest.mark.parametrize(
    "value",
    [
        {"a": float("nan")},
        {"a": [float("inf")]},
        {"a": 2**63},
        {"a": -(2**64)},
        {"a": 10**400},
        {"\ud800": 1},
        {"a": {"b": "\udfff"}},
        {"a": "\0"},
        {"a": "x" * 20_000},
        nested(17),
    ],
)
def test_metadata_that_json_readers_or_mysql_cannot_keep_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        METADATA.validate_python(value)


def test_ordinary_metadata_is_kept_as_it_is() -> None:
    value = {"a": [1, 2.5, True, None, "é😀"], "b": nested(10)}
    assert METADATA.validate_python(value) == value


@pytest.mark.parametrize("text", ["a\0b", "\ud83d"])
def test_a_text_that_cannot_be_stored_and_passed_on_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TEXT.validate_python(text)


def test_users_speak_as_users_alone() -> None:
    assert MessageBody(content="hi").role == "user"
    for role in ("agent", "system", "assistant", "admin"):
        with pytest.raises(ValidationError, match="must be 'user'"):
            MessageBody(content="hi", role=role)


def test_what_an_agent_wrote_is_repaired_rather_than_lost() -> None:
    answer = {
        "message_id": "m",
        "attempt": 1,
        "status": "answered",
        "content": "a\ud83d\ude00\ud800",
    }
    assert AnswerBody.model_validate(answer).content == "a😀\N{REPLACEMENT CHARACTER}"
    piece = {"message_id": "m", "attempt": 1, "index": 0, "text": "\ud800"}
    assert PieceBody.model_validate(piece).text == "\N{REPLACEMENT CHARACTER}"


def test_rest_writes_the_fields_of_the_resources_in_snake_case() -> None:
    body = {"name": "team", "storage_size": "1Gi", "busy_timeout_seconds": 60}
    assert SpaceBody.model_validate(body).storage_size == "1Gi"
    with pytest.raises(ValidationError):
        SpaceBody.model_validate({"name": "team", "storageSize": "1Gi"})
    assert set(SpaceFields.model_fields) == set(SpaceSpec.model_fields)


@pytest.mark.parametrize("name", ["Upper", "a..b", "..", "x" * 41, "system", "-a", "a-", "", "é"])
def test_a_bad_name_of_a_space_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        SpaceBody.model_validate({"name": name})


@pytest.mark.parametrize("name", ["Upper", "a.b", "..", "x" * 64, "a b", "a\n"])
def test_a_bad_name_of_a_session_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        SessionBody.model_validate({"space": "team", "name": name})


def test_error_is_another_word_for_errored() -> None:
    assert SessionQuery.model_validate({"state": "error"}).state == "errored"


def test_a_fingerprint_tells_requests_apart() -> None:
    body = LoginBody.model_validate({"user": "ann", "pass": "secret"})
    assert fingerprint("x", body) == fingerprint("x", body)
    assert fingerprint("x", body) != fingerprint("y", body)
    assert len(fingerprint(body)) == 64
