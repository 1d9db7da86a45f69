"""From a repository to a build context."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.support.sources import BASE_IMAGES

from raworc_crds.space import SpaceReason
from raworc_sources.address import Address
from raworc_sources.checkout.assemble import assemble, inspect
from raworc_sources.checkout.dockerfile import render_dockerfile, render_script
from raworc_sources.checkout.manifest import read_manifest
from raworc_sources.checkout.request import AgentRequest, CheckoutRequest
from raworc_sources.checkout.runtimes.choice import NODE, PYTHON, RUST
from raworc_sources.checkout.runtimes.python_dependencies import pip_arguments
from raworc_sources.checkout.runtimes.python_handler import check_handler
from raworc_sources.checkout.runtimes.runtime import CheckedOut, Installation, Runtime, Step
from raworc_sources.checkout.tree import copy_agent
from raworc_sources.git import Git
from raworc_sources.problems import SourceError
from raworc_sources.protocol import BaseImages

HANDLER = "def process_message(message, context):\n    return message\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "agent"
    made.mkdir()
    (made / "main.py").write_text(HANDLER)
    return made


def checked_out(folder: Path) -> CheckedOut:
    return CheckedOut("a", folder, read_manifest(folder, "a"))


def refusal(folder: Path, manifest: str) -> SourceError:
    (folder / "raworc.json").write_text(manifest)
    with pytest.raises(SourceError) as refused:
        read_manifest(folder, "a")
    return refused.value


def test_a_manifest_that_is_not_json_is_refused_with_the_place(folder: Path) -> None:
    error = refusal(folder, '{\n "runtime": "python",\n}')
    assert error.reason is SpaceReason.INVALID_MANIFEST
    assert "line 3, column 1" in str(error)


def test_a_manifest_that_is_nested_too_deep_is_refused(folder: Path) -> None:
    error = refusal(folder, "[" * 100_000)
    assert error.reason is SpaceReason.INVALID_MANIFEST
    assert "nested too deep" in str(error)


@pytest.mark.parametrize("runtime", ["deno", "python2"])
def test_a_runtime_that_is_not_there_is_refused_with_those_that_are(
    folder: Path, runtime: str
) -> None:
    error = refusal(folder, json.dumps({"runtime": runtime}))
    assert error.reason is SpaceReason.UNSUPPORTED_RUNTIME
    assert "'python3'" in str(error)


@pytest.mark.parametrize("runtime", ["python", "python3", "python3.11", "python3.13"])
def test_a_python_up_to_that_of_the_base_image_is_fine(folder: Path, runtime: str) -> None:
    (folder / "raworc.json").write_text(json.dumps({"runtime": runtime}))
    assert inspect(checked_out(folder)).runtime.name == "python"


def test_a_newer_python_is_refused(folder: Path) -> None:
    (folder / "raworc.json").write_text('{"runtime": "python3.99"}')
    with pytest.raises(SourceError, match=r"'python3\.99' is newer than.*'python3\.13'") as refused:
        inspect(checked_out(folder))
    assert refused.value.reason is SpaceReason.UNSUPPORTED_RUNTIME


@pytest.mark.parametrize(
    "manifest", ["[]", '{"handler": "main."}', '{"nonsense": 1}', '{"capabilities": "x"}', "\xff"]
)
def test_what_is_not_a_manifest_is_refused(folder: Path, manifest: str) -> None:
    assert refusal(folder, manifest).reason is SpaceReason.INVALID_MANIFEST


@pytest.mark.parametrize(
    "code",
    [
        "def process_message(m, c): ...",
        "async def process_message(m, c): ...",
        "from lib import process_message",
        "from lib import answer as process_message",
        "from lib import *",
        "process_message = make()",
        "process_message: object = make()",
        "a, (process_message, b) = make()",
        "try:\n    from x import process_message\nexcept ImportError:\n    pass",
        "if True:\n    pass\nelse:\n    def process_message(m, c): ...",
        "def __getattr__(name): ...",
        "class process_message: ...",
    ],
)
def test_a_handler_may_be_made_in_many_ways(folder: Path, code: str) -> None:
    (folder / "main.py").write_text(code)
    check_handler(checked_out(folder), "main.process_message")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def other(m, c): ...", "defines no 'process_message'"),
        ("def outer():\n    def process_message(m, c): ...", "defines no"),
        ("class A:\n    def process_message(self): ...", "defines no"),
        ("def process_message(:", "not Python.*line 1"),
        ("\0", "not Python"),
        ("\nprocess_message = 1", "not a function in line 2 of 'main.py'"),
        ("def process_message(m, c): ...\nprocess_message = {}", "not a function in line 2"),
    ],
)
def test_a_handler_that_is_not_there_is_refused(folder: Path, code: str, words: str) -> None:
    (folder / "main.py").write_text(code)
    with pytest.raises(SourceError, match=words) as refused:
        check_handler(checked_out(folder), "main.process_message")
    assert refused.value.reason is SpaceReason.HANDLER_NOT_FOUND


def test_a_handler_may_stand_in_a_package(folder: Path) -> None:
    (folder / "app" / "chat").mkdir(parents=True)
    (folder / "app" / "chat" / "__init__.py").write_text(HANDLER)
    check_handler(checked_out(folder), "app.chat.process_message")
    with pytest.raises(SourceError, match=r"no 'app/talk\.py'"):
        check_handler(checked_out(folder), "app.talk.process_message")


@pytest.mark.parametrize(
    ("file", "text", "arguments"),
    [
        ("requirements.txt", "# none yet\n\n", []),
        ("requirements.txt", "rich\n", ["-r", "requirements.txt"]),
        ("pyproject.toml", '[project]\ndependencies = ["rich>=1"]', ["--", "rich>=1"]),
        ("pyproject.toml", '[project]\nname = "x"', []),
        ("pyproject.toml", '[project]\ndynamic = ["dependencies"]', ["."]),
        ("pyproject.toml", "[tool.ruff]", []),
        ("pyproject.toml", '[tool.poetry]\n[build-system]\nrequires = ["poetry"]', ["."]),
    ],
)
def test_pip_installs_what_an_agent_asks_for(
    folder: Path, file: str, text: str, arguments: list[str]
) -> None:
    (folder / file).write_text(text)
    assert pip_arguments(checked_out(folder)) == arguments


def test_a_project_file_that_is_not_toml_is_refused(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[project")
    with pytest.raises(SourceError, match="not TOML"):
        pip_arguments(checked_out(folder))


def installation(*steps: Step) -> Installation:
    return Installation("a", PYTHON, steps)


def test_an_agent_that_installs_nothing_is_copied_and_no_more() -> None:
    text = render_dockerfile(BASE_IMAGES, "cafe", [installation()])
    assert text.splitlines() == [
        f"FROM {BASE_IMAGES.python}",
        "LABEL dev.raworc.build-key=cafe",
        "COPY --chown=10001:10001 agents /opt/raworc/agents/",
        "COPY agents.json /opt/raworc/agents.json",
        "USER 10001",
    ]


def test_what_an_agent_names_cannot_become_an_instruction(folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[project]\ndependencies = ["""x\'; evil\nRUN evil"""]')
    (folder / "raworc.json").write_text('{"build_command": "make\\nUSER 0"}')
    lines = render_dockerfile(BASE_IMAGES, "cafe", [inspect(checked_out(folder))]).splitlines()
    first = [line.split()[0] for line in lines]
    assert first == ["FROM", "LABEL", "COPY", "COPY", "USER", *["ARG"] * 6, "RUN"]
    command = json.loads(lines[-1].removeprefix("RUN "))
    assert command[:2] == ["/bin/sh", "-ec"]
    assert """'x'"'"'; evil""" in command[2]


def test_node_has_a_base_of_its_own_and_rust_is_compiled_in_a_stage_before() -> None:
    step = Step("compile", "cargo")
    agents = [Installation("n", NODE), Installation("r", RUST, (step,)), installation()]
    lines = render_dockerfile(BASE_IMAGES, "cafe", agents).splitlines()
    assert [line for line in lines if line.startswith("FROM")] == [
        f"FROM {BASE_IMAGES.rust} AS rust",
        f"FROM {BASE_IMAGES.node}",
    ]
    binaries = "/opt/raworc/binaries"
    assert f"COPY --from=rust --chown=10001:10001 {binaries} {binaries}" in lines
    (compiled,) = [number for number, line in enumerate(lines) if line.startswith("RUN")]
    assert compiled < lines.index(f"FROM {BASE_IMAGES.node}")


def ran(folder: Path, *steps: Step) -> "subprocess.CompletedProcess[str]":
    """Run what a Dockerfile runs for an agent, in its folder here."""
    script = render_script(installation(*steps)).replace("cd /opt/raworc/agents/a", f"cd {folder}")
    return subprocess.run(  # noqa: S603 - ours
        ["/bin/sh", "-ec", script], check=False, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "script", ["exit 3", "(exit 3) && true", "false\n(exit 3)", "set +e; exit 3"]
)
def test_a_step_that_fails_is_named_and_ends_the_build(folder: Path, script: str) -> None:
    failed = ran(folder, Step("first", "true"), Step("second", script), Step("third", "touch no"))
    assert failed.returncode in {1, 3}
    assert failed.stderr.splitlines() == ["Agent 'a' failed in step 'second'."]
    assert not (folder / "no").exists()


def test_steps_run_in_the_agents_folder_and_their_success_is_silent(folder: Path) -> None:
    done = ran(folder, Step("first", "touch yes"), Step("second", "test -e yes"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("runtime", "image"), [(NODE, "node"), (RUST, "rust")])
def test_an_agent_whose_image_is_not_in_the_registry_has_to_wait(
    folder: Path, tmp_path: Path, runtime: Runtime, image: str
) -> None:
    (folder / "raworc.json").write_text(json.dumps({"runtime": runtime.name}))
    (folder / "index.js").write_text("exports.processMessage = f")
    (folder / "Cargo.toml").write_text('[package]\nname = "a"')
    (folder / "src").mkdir()
    (folder / "src" / "main.rs").touch()
    images = BASE_IMAGES.model_copy(update={image: None})
    with pytest.raises(SourceError, match=f"'echo' needs the base image.*'{image}'") as refused:
        assembled(folder, tmp_path, images)
    assert refused.value.reason is SpaceReason.BASE_IMAGE_NOT_FOUND


def test_only_an_agent_with_packages_of_its_own_has_an_interpreter_of_its_own(
    folder: Path,
) -> None:
    assert inspect(checked_out(folder)).program == "/usr/bin/python3"
    (folder / "requirements.txt").write_text("rich")
    assert inspect(checked_out(folder)).program == "/opt/raworc/venvs/a/bin/python"


def test_hidden_files_and_links_are_kept_and_what_is_gits_is_not(
    folder: Path, tmp_path: Path
) -> None:
    for part in (".git", ".config", "build"):
        (folder / part).mkdir()
        (folder / part / "file").write_text(part)
    (folder / "alias.py").symlink_to("main.py")
    copy_agent(folder, None, tmp_path / "copy", "a")
    assert (tmp_path / "copy" / "alias.py").is_symlink()
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {
        *("main.py", "alias.py", ".config", "build"),
    }


@pytest.mark.parametrize("target", ["/etc/passwd", "../other.py", "inner/../../other.py"])
def test_a_link_that_leads_out_is_refused(folder: Path, tmp_path: Path, target: str) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "link").symlink_to(Path("..") / target if target[0] != "/" else target)
    with pytest.raises(SourceError, match="inner/link") as refused:
        copy_agent(folder, None, tmp_path / "copy", "a")
    assert refused.value.reason is SpaceReason.REPOSITORY_REFUSED


@pytest.mark.parametrize("path", ["missing", "main.py", "out"])
def test_a_folder_that_is_not_in_the_repository_is_refused(
    folder: Path, tmp_path: Path, path: str
) -> None:
    (folder / "out").symlink_to(tmp_path)
    with pytest.raises(SourceError) as refused:
        copy_agent(folder, path, tmp_path / "copy", "a")
    assert refused.value.reason is SpaceReason.PATH_NOT_FOUND


def committed(folder: Path) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")

    def git(*arguments: str) -> str:
        done = subprocess.run(  # noqa: S603 - a repository of the test's own
            ["git", *identity, *arguments],  # noqa: S607 - the git of the machine
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    git("init", "--quiet", "-b", "main")
    git("add", "--all")
    git("commit", "--quiet", "-m", "first")
    return git("rev-parse", "HEAD")


class LocalGit(Git):
    """Fetches from a folder in place of a server."""

    def run(
        self,
        address: Address,
        *arguments: str,
        folder: Path,
        seconds: float = 30,
    ) -> None:
        local = [
            item.replace("git://git.test", "file://") if item.startswith("git://") else item
            for item in arguments
        ]
        super().run(address, *local, folder=folder, seconds=seconds)

    def _environment(self) -> Mapping[str, str]:
        return {**super()._environment(), "GIT_ALLOW_PROTOCOL": "file"}


def assembled(folder: Path, tmp_path: Path, images: BaseImages) -> tuple[str, Path]:
    """Check an agent out twice, and return the Dockerfile and its context."""
    agent = AgentRequest(
        name="echo",
        description="of the space",
        purpose="",
        repo=f"git://git.test{folder}",
        path=None,
        commit=committed(folder),
        ref="main",
    )
    request = CheckoutRequest(
        agents=[agent, agent.model_copy(update={"name": "again"})],
        base_images=images,
        build_key="cafe",
        internal_git_hosts=frozenset({"git.test"}),
    )
    context = tmp_path / "context"
    git = LocalGit(frozenset({"git.test"}))
    return assemble(request, git, tmp_path / "scratch", context), context


def test_the_whole_of_a_checkout(folder: Path, tmp_path: Path) -> None:
    (folder / "requirements.txt").write_text("rich")
    (folder / "raworc.json").write_text('{"description": "of the manifest", "purpose": "answers"}')
    text, context = assembled(folder, tmp_path, BASE_IMAGES)
    (first, second) = json.loads((context / "agents.json").read_text())
    assert (first["name"], second["name"]) == ("echo", "again")
    assert (first["description"], first["purpose"]) == ("of the space", "answers")
    assert first["program"] == "/opt/raworc/venvs/echo/bin/python"
    assert (first["runtime"], first["handler"]) == ("python", "main.process_message")
    assert (context / "agents" / "echo" / "main.py").read_text() == HANDLER
    assert not (context / "agents" / "echo" / ".git").exists()
    assert text.count("RUN") == 2


def test_a_commit_that_is_not_in_the_repository_is_refused(folder: Path, tmp_path: Path) -> None:
    committed(folder)
    agent = AgentRequest(
        name="echo",
        description="",
        purpose="",
        repo=f"git://git.test{folder}",
        path=None,
        commit="f" * 40,
        ref=None,
    )
    request = CheckoutRequest(
        agents=[agent],
        base_images=BASE_IMAGES,
        build_key="cafe",
        internal_git_hosts=frozenset({"git.test"}),
    )
    with pytest.raises(SourceError) as refused:
        assemble(request, LocalGit(frozenset({"git.test"})), tmp_path / "scratch", tmp_path / "c")
    assert refused.value.reason is SpaceReason.REF_NOT_FOUND
