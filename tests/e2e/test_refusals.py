"""Bad input is refused at either door, in words that name what is wrong."""

from typing import Any

import pytest
from tests.e2e.conftest import API, FreshName
from tests.e2e.kubectl import Kubectl, Manifest, RefusedByClusterError

from raworc.client import Client
from raworc.errors import LoginRequiredError, RefusedError

AGENT = {"name": "echo", "repo": "https://github.com/acme/echo"}

# The name of the case → what is wrong in the spec, and a word that either door must say.
BAD_SPECS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown field": ({"colour": "red"}, "colour"),
    "unknown field inside": ({"agents": [{**AGENT, "branch": "main"}]}, "branch"),
    "wrong type": ({"agents": "echo"}, "agents"),
    "agent named in upper case": ({"agents": [{**AGENT, "name": "Echo"}]}, "lower-case"),
    "agent named twice": ({"agents": [AGENT, AGENT]}, "echo"),
    "repository with credentials": (
        {"agents": [{**AGENT, "repo": "https://me:secret@github.com/acme/echo"}]},
        "without credentials",
    ),
    "repository that is a file": ({"agents": [{**AGENT, "repo": "file:///etc"}]}, "`repo` must"),
    "branch that is an option": ({"agents": [{**AGENT, "ref": "--upload-pack=x"}]}, "`ref` must"),
    "range of metadata": (
        {"network": {"egress": [{"cidr": "169.254.169.254/32"}]}},
        "must not be inside of",
    ),
    "path that leads outside": ({"agents": [{**AGENT, "path": "../x"}]}, "`path` must"),
}
BAD_NAMES = {
    "Upper": "lower",
    "a..b": "'-'",
    "..": "name",
    "x" * 41: "40 characters",
    "system": "system",
}


def space(name: str, spec: Manifest) -> Manifest:
    return {
        "apiVersion": "raworc.dev/v1alpha1",
        "kind": "Space",
        "metadata": {"name": name},
        "spec": spec,
    }


@pytest.mark.parametrize("case", BAD_SPECS)
def test_a_bad_space_is_refused_by_kubectl(
    kubectl: Kubectl, fresh_space: FreshName, case: str
) -> None:
    spec, word = BAD_SPECS[case]
    name = fresh_space()
    with pytest.raises(RefusedByClusterError, match=word):
        kubectl.apply(space(name, spec))
    kubectl.apply(space(name, {"agents": []}))


@pytest.mark.parametrize("case", BAD_SPECS)
def test_a_bad_space_is_refused_by_the_api(api: Client, fresh_space: FreshName, case: str) -> None:
    spec, word = BAD_SPECS[case]
    name = fresh_space()
    with pytest.raises(RefusedError, match=word) as refused:
        api.create_space(name, **spec)
    assert refused.value.status == 422
    assert refused.value.problem["errors"][0]["pointer"].startswith("/")
    assert api.create_space(name, agents=[]).name == name


@pytest.mark.parametrize(("name", "word"), BAD_NAMES.items())
def test_a_bad_name_is_refused_by_either_door(
    kubectl: Kubectl, api: Client, name: str, word: str
) -> None:
    with pytest.raises(RefusedByClusterError, match=word):
        kubectl.apply(space(name, {"agents": []}))
    with pytest.raises(RefusedError) as refused:
        api.create_space(name, agents=[])
    assert refused.value.status == 422


def test_a_bad_session_is_refused_by_either_door(
    kubectl: Kubectl, api: Client, shared_space: str
) -> None:
    def session(name: str, **spec: object) -> Manifest:
        return {
            "apiVersion": "raworc.dev/v1alpha1",
            "kind": "AgentSession",
            "metadata": {"name": name, "namespace": f"raworc-{shared_space}"},
            "spec": {"space": shared_space, **spec},
        }

    for bad, word in (({"mood": "x"}, "mood"), ({"busyTimeoutSeconds": 0}, "busyTimeoutSeconds")):
        with pytest.raises(RefusedByClusterError, match=word):
            kubectl.apply(session("bad", **bad))
    with pytest.raises(RefusedByClusterError, match="Upper"):
        kubectl.apply(session("Upper"))
    for body, word in (
        ({"mood": "x"}, "mood"),
        ({"busy_timeout_seconds": 0}, "busy_timeout_seconds"),
        ({"name": "Upper"}, "lower-case"),
        ({"name": ".."}, "lower-case"),
    ):
        with pytest.raises(RefusedError, match=word):
            api.create_session(shared_space, **body)


def test_a_session_of_no_space_is_refused(api: Client) -> None:
    with pytest.raises(RefusedError, match="no-such-space"):
        api.create_session("no-such-space")


def test_only_users_speak_through_the_api(api: Client, shared_space: str) -> None:
    session = api.create_session(shared_space, closed=True)
    try:
        with pytest.raises(RefusedError, match="role"):
            api.post_message(session.id, "hi", role="agent")
        with pytest.raises(RefusedError, match="content"):
            api.post_message(session.id, "")
        assert list(api.list_messages(session.id)) == []
    finally:
        api.delete_session(session.id)


@pytest.mark.usefixtures("kubectl")
@pytest.mark.parametrize("path", ["/spaces", "/sessions", "/auth/me"])
def test_without_a_token_nothing_is_told(path: str) -> None:
    with Client(API) as nobody, pytest.raises(LoginRequiredError):
        nobody.request("GET", path)
