"""Agents in Python, Node.js and Rust in one space, built with their packages, and what fails to."""

import json

import pytest
from tests.e2e.conftest import EXAMPLES, FreshName, NewRepository
from tests.e2e.kubectl import Kubectl
from tests.e2e.manifests import source, space_manifest
from tests.e2e.progress import answer, await_built, await_unbuilt
from tests.e2e.repositories import Files

from raworc.client import Client

CRATE = '[package]\nname = "talker"\nversion = "0.1.0"\nedition = "2021"\n'
MODULE = "exports.processMessage = (message) => message;\n"

# What is wrong → the agent's files, the reason, and words that the message must have.
FAULTS: dict[str, tuple[dict[str, str], str, tuple[str, ...]]] = {
    "a package that npm does not find": (
        {"index.js": MODULE, "package.json": json.dumps({"dependencies": {"ms": "99.99.99"}})},
        "BuildFailed",
        ("Agent 'faulty' failed in step 'npm install'.", "ms@99.99.99"),
    ),
    "JavaScript that is none": (
        {"index.js": f"{MODULE}\nconst = 1;\n"},
        "BuildFailed",
        ("Agent 'faulty' failed in step 'reading index.js'.", "index.js:3", "SyntaxError"),
    ),
    "a function that no module exports": (
        {"index.js": "exports.answer = (message) => message;\n"},
        "HandlerNotFound",
        ("Agent 'faulty'", "'index.js' exports no 'processMessage'"),
    ),
    "Rust that is none": (
        {"Cargo.toml": CRATE, "src/main.rs": "fn main() {\n    let answer: u8 = 'a';\n}\n"},
        "BuildFailed",
        ("Agent 'faulty' failed in step 'cargo install'.", "src/main.rs:2", "mismatched types"),
    ),
}


@pytest.mark.timeout(400)
def test_agents_in_three_languages_answer_in_one_session(
    api: Client, repository: NewRepository, fresh_space: FreshName
) -> None:
    examples, space = repository(), fresh_space()
    examples.push(EXAMPLES)
    names = ("streamer", "durations", "wordcount")
    api.create_space(space, agents=[source(name, examples, name) for name in names])
    await_built(api, space)
    session = api.create_session(space)

    def ask(text: str) -> str:
        return answer(api, api.post_message(session.id, text))

    assert ask("@streamer count to 3") == "I, II, III."
    assert ask("@durations 2 days, 90m") == "2 days: 172800 seconds\n90m: 5400 seconds\n"
    assert ask("@wordcount one two 🧑‍🚀") == "2 words, 7 letters"
    # Loaded by now, or started anew: it answers again.
    assert ask("@durations 1s") == "1s: 1 seconds\n"
    assert ask("@wordcount three") == "1 words, 5 letters"


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_built_names_agent_step_and_line(
    kubectl: Kubectl, repository: NewRepository, fresh_space: FreshName, fault: str
) -> None:
    files, reason, words = FAULTS[fault]
    repo, space = repository(), fresh_space()
    repo.push(with_manifest(files))
    kubectl.apply(space_manifest(space, source("faulty", repo)))
    message = await_unbuilt(kubectl, space, reason)["message"]
    assert [word for word in words if word not in message] == [], message


def with_manifest(files: dict[str, str]) -> Files:
    runtime = "rust" if "Cargo.toml" in files else "node"
    return {"raworc.json": json.dumps({"runtime": runtime}), **files}
