"""Agents in Rust."""

import re
from collections.abc import Sequence
from typing import Any

from raworc_crds.space import SpaceReason
from raworc_sources.checkout.layout import BINARIES_FOLDER, ROOT
from raworc_sources.checkout.runtimes.runtime import (
    CheckedOut,
    Installation,
    Runtime,
    Step,
    commanded,
)

_MANIFEST = "Cargo.toml"
_LOCK = "Cargo.lock"
_LIBRARY = re.compile(r"lib[.]([A-Za-z_]\w*)", re.ASCII)


class Rust(Runtime):
    """Rust: a binary, compiled in a stage of its own, of which nothing else is in the image."""

    name = "rust"
    names = re.compile("rust")
    handlers = re.compile(rf"{_LIBRARY.pattern}|[A-Za-z0-9_-]+", re.ASCII)
    handler_form = "'lib.' and a function, or the name of a binary"

    def handler(self, agent: CheckedOut) -> str:
        """Return what the binary finds in RAWORC_HANDLER."""
        return agent.manifest.handler or _binary(agent)

    def check(self, agent: CheckedOut) -> None:
        """Look for the binary, and for the function's name in the library."""
        handler = self.handler(agent)
        _binary(agent)
        if library := _LIBRARY.fullmatch(handler):
            _check_library(agent, handler, library[1])

    def installation(self, agent: CheckedOut) -> Installation:
        """Compile the binary, with what is locked where something is."""
        binary = _binary(agent)
        root = f"{ROOT}/{BINARIES_FOLDER}/{agent.name}"
        locked = " --locked" if agent.has(_LOCK) else ""
        install = f"cargo install -q --path .{locked} --bin {binary} --root {root} --no-track"
        steps = (*commanded(agent), Step("cargo install", install))
        return Installation(agent.name, self, steps, f"{root}/bin/{binary}")


def _check_library(agent: CheckedOut, handler: str, function: str) -> None:
    library = (agent.read_toml(_MANIFEST).get("lib") or {}).get("path", "src/lib.rs")
    if not agent.has(library):
        raise agent.lacks_handler(handler, f"there is no '{library}' in the agent's folder")
    if not re.search(rf"\b{function}\b", agent.read(library)):
        raise agent.lacks_handler(handler, f"'{library}' has no '{function}'")


def _binary(agent: CheckedOut) -> str:
    """Return the binary that a manifest names, or the one that there is."""
    if not agent.has(_MANIFEST):
        words = f"there is no '{_MANIFEST}' in its folder"
        raise agent.refuse(SpaceReason.INVALID_MANIFEST, words)
    package = agent.read_toml(_MANIFEST).get("package") or {}
    if "name" not in package:
        words = f"'{_MANIFEST}' has no [package] with a name"
        raise agent.refuse(SpaceReason.INVALID_MANIFEST, words)
    there = _binaries(agent, package)
    handler = agent.manifest.handler
    if handler and not _LIBRARY.fullmatch(handler):
        return _named(agent, handler, there)
    return _only(agent, package, there)


def _named(agent: CheckedOut, handler: str, there: Sequence[str]) -> str:
    if handler not in there:
        raise agent.lacks_handler(handler, f"the package's binaries are {_listed(there)}")
    return handler


def _only(agent: CheckedOut, package: dict[str, Any], there: Sequence[str]) -> str:
    if len(there) == 1:
        return there[0]
    for name in (package.get("default-run"), package["name"]):
        if name in there:
            return str(name)
    if there:
        words = f"it has the binaries {_listed(there)}: name one of them as `handler`"
    else:
        words = f"it has no binary: there is no 'src/main.rs', and no [[bin]] in '{_MANIFEST}'"
    raise agent.refuse(SpaceReason.HANDLER_NOT_FOUND, words)


def _binaries(agent: CheckedOut, package: dict[str, Any]) -> list[str]:
    """Return the names of a package's binaries, as cargo finds them."""
    named = [str(target.get("name")) for target in agent.read_toml(_MANIFEST).get("bin") or []]
    if package.get("autobins") is False:
        return named
    folder = agent.folder / "src" / "bin"
    found = [*folder.glob("*.rs"), *(main.parent for main in folder.glob("*/main.rs"))]
    own = [str(package["name"])] if agent.has("src/main.rs") and not named else []
    return list(dict.fromkeys([*own, *named, *sorted(path.stem for path in found)]))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
