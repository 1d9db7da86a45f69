import pytest
from pydantic import BaseModel, ValidationError

from raworc_crds.agent_session import SessionSpec
from raworc_crds.conditions import Condition
from raworc_crds.manifest import AgentManifest
from raworc_crds.space import AgentSource, SpaceSpec
from raworc_crds.wire import dump, read

ECHO = {"name": "echo", "repo": "acme/agents"}


def refusal(model: type[BaseModel], value: dict[str, object]) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    return str(caught.value)


def test_a_spec_is_camel_case_on_the_wire_and_leaves_out_what_is_not_set() -> None:
    spec = SpaceSpec.model_validate({"agents": [ECHO], "storageSize": 1})
    assert spec.storage_size == "1"
    assert dump(spec) == {"agents": [ECHO], "storageSize": "1"}


def test_what_is_stored_is_read_without_the_fields_of_a_later_version() -> None:
    stored = {"agents": [{**ECHO, "mood": "calm"}], "quota": {"mood": 1}, "mood": []}
    assert dump(read(SpaceSpec, stored)) == {"agents": [ECHO], "quota": {}}
    with pytest.raises(ValidationError, match="repo"):
        read(SpaceSpec, {"agents": [{"name": "echo", "repo": "file:///etc"}]})


@pytest.mark.parametrize(
    "repo",
    [
        "acme/agents",
        "https://git.example/acme/agents.git",
        "http://git.example:8080/a",
        "git://git.example/agents.git",
    ],
)
def test_repositories_that_are_accepted(repo: str) -> None:
    assert AgentSource.model_validate({"name": "echo", "repo": repo}).repo == repo


@pytest.mark.parametrize(
    "repo",
    [
        "",
        "file:///etc",
        "ssh://git.example/a",
        "https://user:secret@git.example/a",
        "--upload-pack=x",
        "../../etc",
        "https://git.example",
        "acme/agents\n",
    ],
)
def test_repositories_that_are_refused(repo: str) -> None:
    assert "repo" in refusal(AgentSource, {"name": "echo", "repo": repo})


@pytest.mark.parametrize("ref", ["main", "v1.2.3", "feature/a_b", "0" * 40])
def test_refs_that_are_accepted(ref: str) -> None:
    assert AgentSource.model_validate({**ECHO, "ref": ref}).ref == ref


@pytest.mark.parametrize("ref", ["", "-x", "a..b", "a b", "a.", "a;b", "main\n", "@{-1}"])
def test_refs_that_are_refused(ref: str) -> None:
    assert "ref" in refusal(AgentSource, {**ECHO, "ref": ref})


@pytest.mark.parametrize("path", ["agents/echo", ".agents/echo", "a.b"])
def test_paths_that_are_accepted(path: str) -> None:
    assert AgentSource.model_validate({**ECHO, "path": path}).path == path


@pytest.mark.parametrize("path", ["/etc", "..", "a/../b", "./a", "a//b", "a/"])
def test_paths_that_are_refused(path: str) -> None:
    assert "must be a folder inside the repository" in refusal(AgentSource, {**ECHO, "path": path})


@pytest.mark.parametrize("name", ["Echo", "-echo", "echo-", "e.o", "..", "a" * 41, ""])
def test_names_of_agents_that_are_refused(name: str) -> None:
    assert "name" in refusal(AgentSource, {**ECHO, "name": name})


def test_two_agents_of_one_name_are_refused() -> None:
    assert "must be unique" in refusal(SpaceSpec, {"agents": [ECHO, ECHO]})


def test_an_unknown_field_is_refused_in_a_spec_and_ignored_in_what_is_read_back() -> None:
    assert "Extra inputs" in refusal(SessionSpec, {"space": "demo", "colour": "red"})
    read = {"type": "Ready", "status": "True", "reason": "Ready", "colour": "red"}
    assert Condition.model_validate(read).reason == "Ready"


@pytest.mark.parametrize("size", ["1Gi", "500M", 1, "1.5Gi"])
def test_quantities_that_are_accepted(size: object) -> None:
    spec = SessionSpec.model_validate({"space": "demo", "storageSize": size})
    assert spec.storage_size == str(size)


@pytest.mark.parametrize("size", ["", "-1Gi", "1GiB", "one", True, 1.5, "1e3", 0, "0.0Gi"])
def test_quantities_that_are_refused(size: object) -> None:
    assert "storageSize" in refusal(SessionSpec, {"space": "demo", "storageSize": size})


@pytest.mark.parametrize("limit", ["0", 0, "0.0", "000Mi"])
def test_a_limit_of_nothing_is_refused_as_it_would_be_no_limit(limit: object) -> None:
    spec: dict[str, object] = {"space": "demo", "resources": {"limits": {"memory": limit}}}
    assert "must be more than 0" in refusal(SessionSpec, spec)


def test_a_quota_may_leave_nothing() -> None:
    assert SpaceSpec.model_validate({"quota": {"cpu": "0"}}).quota is not None


@pytest.mark.parametrize("handler", ["", "main.", "../x.y", "/x.y", "main.process message"])
def test_a_handler_must_be_a_module_and_a_function(handler: str) -> None:
    assert "a module and a function" in refusal(AgentManifest, {"handler": handler})


def test_a_runtime_that_is_not_supported_is_refused_with_what_is() -> None:
    assert "'python3'" in refusal(AgentManifest, {"runtime": "cobol"})


def test_a_manifest_may_be_empty() -> None:
    manifest = AgentManifest.model_validate({})
    assert (manifest.runtime, manifest.handler) == (None, None)
