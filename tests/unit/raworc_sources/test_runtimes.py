"""What a build does with agents of each runtime, and what it refuses before it begins."""

import json
from pathlib import Path

import pytest

from raworc_crds.space import SpaceReason
from raworc_sources.checkout.assemble import inspect
from raworc_sources.checkout.manifest import read_manifest
from raworc_sources.checkout.runtimes.runtime import CheckedOut, Installation
from raworc_sources.problems import SourceError

HANDLER = "def process_message(message, context):\n    return message\n"
MODULE = "exports.processMessage = (message) => message;\n"
CRATE = '[package]\nname = "talker"\nversion = "0.1.0"\nedition = "2021"\n'
MAIN = "fn main() {}\n"

Files = dict[str, str]


def checked_out(folder: Path, files: Files) -> CheckedOut:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return CheckedOut("a", folder, read_manifest(folder, "a"))


def installed(folder: Path, files: Files) -> Installation:
    return inspect(checked_out(folder, files))


def refused(folder: Path, files: Files) -> SourceError:
    with pytest.raises(SourceError) as refusal:
        installed(folder, files)
    return refusal.value


def scripts(installation: Installation) -> list[str]:
    return [step.script for step in installation.steps]


@pytest.mark.parametrize(
    ("files", "runtime", "handler"),
    [
        ({"main.py": HANDLER}, "python", "main.process_message"),
        ({"main.py": HANDLER, "requirements.txt": ""}, "python", "main.process_message"),
        ({"main.py": HANDLER, "pyproject.toml": ""}, "python", "main.process_message"),
        ({"index.js": MODULE, "package.json": "{}"}, "node", "index.processMessage"),
        ({"index.js": MODULE}, "node", "index.processMessage"),
        ({"index.mjs": MODULE}, "node", "index.processMessage"),
        ({"src/main.rs": MAIN, "Cargo.toml": CRATE}, "rust", "talker"),
        ({"index.js": MODULE, "main.py": HANDLER, "package.json": "{}"}, "node", None),
        ({"raworc.json": '{"purpose": "talks"}', "index.js": MODULE}, "node", None),
        ({"raworc.json": '{"runtime": "nodejs"}', "index.js": MODULE}, "node", None),
        (
            {"raworc.json": '{"handler": "app.answer"}', "app.py": "def answer(m, c): ..."},
            "python",
            None,
        ),
    ],
)
def test_the_runtime_is_named_or_found_by_the_files(
    tmp_path: Path, files: Files, runtime: str, handler: str | None
) -> None:
    agent = checked_out(tmp_path, files)
    found = inspect(agent).runtime
    assert found.name == runtime
    assert handler in {None, found.handler(agent)}


def test_a_folder_with_nothing_that_runs_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, {"README.md": ""})
    assert error.reason is SpaceReason.UNSUPPORTED_RUNTIME
    assert "'package.json'" in str(error)


@pytest.mark.parametrize(
    ("runtime", "handler"),
    [
        ("python", "main"),
        ("python", "lib/main.answer"),
        ("python", "main-file.answer"),
        ("node", "index"),
        ("node", "index.process-message"),
        ("rust", "lib.answer.more"),
        ("rust", "main.answer"),
    ],
)
def test_a_handler_has_the_form_of_its_runtime(tmp_path: Path, runtime: str, handler: str) -> None:
    manifest = json.dumps({"runtime": runtime, "handler": handler})
    error = refused(tmp_path, {"raworc.json": manifest, "Cargo.toml": CRATE})
    assert error.reason is SpaceReason.INVALID_MANIFEST
    assert f"'{handler}' in 'raworc.json' must be" in str(error)


@pytest.mark.parametrize(
    ("files", "commands"),
    [
        ({}, []),
        ({"package.json": '{"type": "module"}'}, []),
        (
            {"package.json": '{"dependencies": {"ms": "2"}}'},
            ["npm install --no-package-lock --omit=dev"],
        ),
        ({"package.json": "{}", "package-lock.json": "{}"}, ["npm ci --omit=dev"]),
        ({"package.json": "{}", "npm-shrinkwrap.json": "{}"}, ["npm ci --omit=dev"]),
        ({"package.json": "{}", "pnpm-lock.yaml": ""}, ["pnpm@10 install --frozen-lockfile"]),
        (
            {"package.json": '{"packageManager": "pnpm@9.1.0+sha512.a"}', "pnpm-lock.yaml": ""},
            ["pnpm@9.1.0 install --frozen-lockfile"],
        ),
        (
            {"package.json": '{"packageManager": "pnpm@9; evil"}', "pnpm-lock.yaml": ""},
            ["pnpm@10 install --frozen-lockfile"],
        ),
    ],
)
def test_node_packages_are_installed_by_whoever_locked_them(
    tmp_path: Path, files: Files, commands: list[str]
) -> None:
    *packages, check = scripts(installed(tmp_path, {"index.js": MODULE, **files}))
    assert check == "/usr/bin/node --check index.js"
    assert len(packages) == len(commands)
    for script, command in zip(packages, commands, strict=True):
        assert command in script


def test_a_command_has_the_packages_for_development_and_may_make_the_module(
    tmp_path: Path,
) -> None:
    manifest = '{"runtime": "node", "handler": "dist/index.answer", "build_command": "tsc"}'
    files = {"raworc.json": manifest, "package.json": "{}", "package-lock.json": "{}"}
    install, command = scripts(installed(tmp_path, files))
    assert "npm ci" in install
    assert "--omit" not in install
    assert command == "tsc"


@pytest.mark.parametrize(
    "code",
    [
        "exports.processMessage = f;",
        "export async function* processMessage(m) {}",
        "export { answer as processMessage };",
        "export * from './answer.js';",
        "module.exports = require('./answer');",
        "module.exports = new Agent();",
    ],
)
def test_a_node_handler_may_be_exported_in_many_ways(tmp_path: Path, code: str) -> None:
    installed(tmp_path, {"index.js": code})


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "there is no 'index.js', 'index.mjs' or 'index.cjs' in the agent's folder"),
        ({"index.js": "exports.processMessages = f;"}, "'index.js' exports no 'processMessage'"),
        ({"index.js": "module.exports = { other };"}, "'index.js' exports no 'processMessage'"),
    ],
)
def test_a_node_handler_that_is_not_there_is_refused(
    tmp_path: Path, files: Files, words: str
) -> None:
    error = refused(tmp_path, {"package.json": "{}", **files})
    assert error.reason is SpaceReason.HANDLER_NOT_FOUND
    assert words in str(error)
    assert "Agent 'a'" in str(error)


@pytest.mark.parametrize(
    ("text", "words"), [('{\n"a" 1}', "in line 2"), ("[]", "not a JSON object")]
)
def test_a_package_file_that_is_none_is_refused(tmp_path: Path, text: str, words: str) -> None:
    error = refused(tmp_path, {"index.js": MODULE, "package.json": text})
    assert error.reason is SpaceReason.INVALID_MANIFEST
    assert words in str(error)


def test_a_binary_is_compiled_with_what_is_locked(tmp_path: Path) -> None:
    files = {"Cargo.toml": CRATE, "src/main.rs": MAIN}
    installation = installed(tmp_path, files)
    assert scripts(installation) == [
        "cargo install -q --path . --bin talker --root /opt/raworc/binaries/a --no-track"
    ]
    assert installation.program == "/opt/raworc/binaries/a/bin/talker"
    assert "--locked" in scripts(installed(tmp_path, {**files, "Cargo.lock": ""}))[0]


@pytest.mark.parametrize(
    ("files", "binary"),
    [
        ({"Cargo.toml": CRATE, "src/main.rs": MAIN, "src/bin/other.rs": MAIN}, "talker"),
        ({"Cargo.toml": CRATE, "src/bin/other.rs": MAIN}, "other"),
        ({"Cargo.toml": CRATE, "src/bin/other/main.rs": MAIN}, "other"),
        ({"Cargo.toml": f'{CRATE}[[bin]]\nname = "named"\npath = "a.rs"', "a.rs": MAIN}, "named"),
        (
            {
                "Cargo.toml": f'{CRATE}default-run = "two"',
                "src/bin/one.rs": MAIN,
                "src/bin/two.rs": MAIN,
            },
            "two",
        ),
        (
            {
                "raworc.json": '{"handler": "one"}',
                "Cargo.toml": CRATE,
                "src/bin/one.rs": MAIN,
                "src/main.rs": MAIN,
            },
            "one",
        ),
    ],
)
def test_the_binary_is_the_one_that_is_named_or_the_packages_own(
    tmp_path: Path, files: Files, binary: str
) -> None:
    assert str(installed(tmp_path, files).program).endswith(f"/bin/{binary}")


@pytest.mark.parametrize(
    ("files", "reason", "words"),
    [
        ({}, "InvalidManifest", "there is no 'Cargo.toml'"),
        ({"Cargo.toml": "[package"}, "InvalidManifest", "'Cargo.toml' is not TOML"),
        ({"Cargo.toml": "[workspace]"}, "InvalidManifest", "no [package] with a name"),
        ({"Cargo.toml": CRATE}, "HandlerNotFound", "no binary: there is no 'src/main.rs'"),
        (
            {"Cargo.toml": CRATE, "src/bin/one.rs": MAIN, "src/bin/two.rs": MAIN},
            "HandlerNotFound",
            "the binaries 'one', 'two': name one of them as `handler`",
        ),
        (
            {
                "raworc.json": '{"runtime": "rust", "handler": "other"}',
                "Cargo.toml": CRATE,
                "src/main.rs": MAIN,
            },
            "HandlerNotFound",
            "the package's binaries are 'talker'",
        ),
        (
            {
                "raworc.json": '{"runtime": "rust", "handler": "lib.answer"}',
                "Cargo.toml": CRATE,
                "src/main.rs": MAIN,
            },
            "HandlerNotFound",
            "there is no 'src/lib.rs'",
        ),
        (
            {
                "raworc.json": '{"runtime": "rust", "handler": "lib.answer"}',
                "Cargo.toml": CRATE,
                "src/main.rs": MAIN,
                "src/lib.rs": "pub fn answers() {}",
            },
            "HandlerNotFound",
            "'src/lib.rs' has no 'answer'",
        ),
    ],
)
def test_a_crate_that_makes_no_agent_is_refused(
    tmp_path: Path, files: Files, reason: str, words: str
) -> None:
    error = refused(tmp_path, {"raworc.json": '{"runtime": "rust"}', **files})
    assert error.reason == reason
    assert words in str(error)


def test_what_uv_has_locked_is_installed_by_uv(tmp_path: Path) -> None:
    files = {"main.py": HANDLER, "pyproject.toml": "[project]\nname='a'", "uv.lock": ""}
    installation = installed(tmp_path, files)
    install, sync = scripts(installation)
    assert "pip install" in install
    assert "uv==" in install
    assert "UV_PROJECT_ENVIRONMENT=/opt/raworc/venvs/a" in sync
    assert "--locked --no-dev" in sync
    assert installation.program == "/opt/raworc/venvs/a/bin/python"
