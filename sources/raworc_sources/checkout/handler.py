"""Checking that a handler exists, by reading the code and not by running it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from raworc_crds.space import SpaceReason
from raworc_sources.problems import SourceError

_ANY_NAME = "*"


def check_handler(folder: Path, handler: str, name: str) -> None:
    """Refuse an agent whose handler cannot be found where its manifest says."""
    module, _, function = handler.rpartition(".")
    file = _module_file(folder, module)
    if file is None:
        path = module.replace(".", "/")
        raise _missing(name, handler, f"there is no '{path}.py' in the agent's folder")
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as error:
        line = f" in line {error.lineno}" if isinstance(error, SyntaxError) else ""
        words = f"'{file.relative_to(folder)}' is not Python: {error.args[0]}{line}"
        raise _missing(name, handler, words) from error
    if not {function, _ANY_NAME, "__getattr__"} & set(_names(tree.body)):
        words = f"'{file.relative_to(folder)}' defines no '{function}'"
        raise _missing(name, handler, words)


def _module_file(folder: Path, module: str) -> Path | None:
    place = folder.joinpath(*module.split("."))
    candidates = (place.with_name(f"{place.name}.py"), place / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


def _missing(name: str, handler: str, why: str) -> SourceError:
    words = f"Agent '{name}': the handler '{handler}' does not exist: {why}."
    return SourceError(SpaceReason.HANDLER_NOT_FOUND, words)


def _names(statements: list[ast.stmt]) -> Iterator[str]:
    for statement in statements:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield statement.name
            case ast.Import() | ast.ImportFrom():
                yield from (alias.asname or alias.name for alias in statement.names)
            case ast.Assign() | ast.AnnAssign() | ast.For() | ast.With():
                yield from _bound(statement)
        yield from _names(_inner(statement))


def _bound(statement: ast.stmt) -> Iterator[str]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _inner(statement: ast.stmt) -> list[ast.stmt]:
    # What stands under `if`, `try` or `with` is of the module; what is in a function is not.
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return []
    parts = [getattr(statement, part, []) for part in ("body", "orelse", "finalbody")]
    parts += [handler.body for handler in getattr(statement, "handlers", [])]
    parts += [case.body for case in getattr(statement, "cases", [])]
    return [inner for part in parts for inner in part]
