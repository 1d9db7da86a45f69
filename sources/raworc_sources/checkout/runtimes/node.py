"""Agents in Node.js."""

import json
import re
from typing import Any

from raworc_crds.space import SpaceReason
from raworc_sources.checkout.layout import BASE_NODE, PNPM_VERSION
from raworc_sources.checkout.runtimes.runtime import (
    CheckedOut,
    Installation,
    Runtime,
    Step,
    commanded,
)

_DEFAULT_HANDLER = "index.processMessage"
_PACKAGE = "package.json"
_NPM_LOCKS = ("package-lock.json", "npm-shrinkwrap.json")
_PNPM_LOCK = "pnpm-lock.yaml"
# As the runtime looks for a module, and in this order.
_ENDINGS = (".js", ".mjs", ".cjs", "/index.js", "/index.mjs", "/index.cjs")
# What a module may say in place of the names that it exports.
_ANY_NAME = re.compile(r"export\s*\*|require\s*\(|Object\.assign|module\.exports\s*=\s*[^{\s]")
_NPM = (
    "npm_config_cache=/tmp/npm npm_config_loglevel=error npm_config_audit=false"
    " npm_config_fund=false npm_config_update_notifier=false npm_config_yes=true npm"
)


class Node(Runtime):
    """Node.js: that of the base image, with the agent's packages in its folder."""

    name = "node"
    names = re.compile("node|nodejs")
    handlers = re.compile(r"[\w$-]+([./][\w$-]+)*[.][A-Za-z_$][\w$]*", re.ASCII)
    handler_form = f"a module and a function, joined by a dot, such as '{_DEFAULT_HANDLER}'"

    def handler(self, agent: CheckedOut) -> str:
        """Return module and function."""
        return agent.manifest.handler or _DEFAULT_HANDLER

    def check(self, agent: CheckedOut) -> None:
        """Look for the module, and for the function's name in it."""
        handler = self.handler(agent)
        file = _module_file(agent, handler)
        if file is None:
            path = _path(handler)
            why = f"there is no '{path}.js', '{path}.mjs' or '{path}.cjs' in the agent's folder"
            raise agent.lacks_handler(handler, why)
        function, text = handler.rpartition(".")[2], agent.read(file)
        named = re.search(rf"(?<![\w$]){re.escape(function)}(?![\w$])", text)
        if not named and not _ANY_NAME.search(text):
            raise agent.lacks_handler(handler, f"'{file}' exports no '{function}'")

    def installation(self, agent: CheckedOut) -> Installation:
        """Install packages by whoever has locked them, and have Node.js read the module."""
        # What a command builds with is among the packages for development.
        flags = "" if agent.manifest.build_command else " --omit=dev"
        packages = _packages(agent, flags)
        steps = (*packages, *commanded(agent), *_syntax_check(agent, self.handler(agent)))
        commands = f"{agent.place}/node_modules/.bin"
        return Installation(agent.name, self, steps, BASE_NODE, commands)


def _packages(agent: CheckedOut, flags: str) -> tuple[Step, ...]:
    if not agent.has(_PACKAGE):
        return ()
    package = _package(agent)
    if any(agent.has(lock) for lock in _NPM_LOCKS):
        return (_step("npm ci", f"ci{flags}"),)
    if agent.has(_PNPM_LOCK):
        return (_pnpm(package, flags),)
    if any(package.get(kind) for kind in ("dependencies", "devDependencies")):
        return (_step("npm install", f"install --no-package-lock{flags}"),)
    return ()


def _step(name: str, arguments: str) -> Step:
    return Step(name, f"{_NPM} {arguments} && rm -rf /tmp/npm")


def _pnpm(package: dict[str, Any], flags: str) -> Step:
    wanted = re.fullmatch(r"(pnpm@\d+[.]\d+[.]\d+)([+].*)?", str(package.get("packageManager")))
    pnpm = wanted[1] if wanted else f"pnpm@{PNPM_VERSION}"
    arguments = flags.replace("--omit=dev", "--prod")
    install = f"install --frozen-lockfile --store-dir /tmp/npm/pnpm{arguments}"
    return _step("pnpm install", f"exec -- {pnpm} {install}")


def _package(agent: CheckedOut) -> dict[str, Any]:
    try:
        content = json.loads(agent.read(_PACKAGE))
    except json.JSONDecodeError as error:
        words = f"'{_PACKAGE}' is not JSON: {error.msg} in line {error.lineno}"
        raise agent.refuse(SpaceReason.INVALID_MANIFEST, words) from error
    if not isinstance(content, dict):
        raise agent.refuse(SpaceReason.INVALID_MANIFEST, f"'{_PACKAGE}' is not a JSON object")
    return content


def _syntax_check(agent: CheckedOut, handler: str) -> tuple[Step, ...]:
    file = _module_file(agent, handler)
    # What a command makes is read when it is loaded.
    return (Step(f"reading {file}", f"{BASE_NODE} --check {file}"),) if file else ()


def _module_file(agent: CheckedOut, handler: str) -> str | None:
    candidates = (_path(handler) + ending for ending in _ENDINGS)
    return next((file for file in candidates if agent.has(file)), None)


def _path(handler: str) -> str:
    return handler.rpartition(".")[0].replace(".", "/")
