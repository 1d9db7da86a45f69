"""Checking that a Python handler exists, by reading the code and not by running it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from raworc_sources.checkout.runtimes.runtime import CheckedOut

_ANY_NAME = "*"
_VALUES = (ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Set, ast.Dict)


def check_handler(agent: CheckedOut, handler: str) -> None:
    """Refuse an agent whose handler cannot be found where its manifest says."""
    module, _, function = handler.rpartition(".")
    file = _module_file(agent.folder, module)
    if file is None:
        path = module.replace(".", "/")
        raise agent.lacks_handler(handler, f"there is no '{path}.py' in the agent's folder")
    name = file.relative_to(agent.folder)
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as error:
        where = f" in line {error.lineno}" if isinstance(error, SyntaxError) else ""
        why = f"'{name}' is not Python: {error.args[0]}{where}"
        raise agent.lacks_handler(handler, why) from error
    if not {function, _ANY_NAME, "__getattr__"} & set(_names(tree.body)):
        raise agent.lacks_handler(handler, f"'{name}' defines no '{function}'")
    if (line := _line_of_value(tree.body, function)) is not None:
        raise agent.lacks_handler(handler, f"it is not a function in line {line} of '{name}'")


def _module_file(folder: Path, module: str) -> Path | None:
    place = folder.joinpath(*module.split("."))
    candidates = (place.with_name(f"{place.name}.py"), place / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


def _line_of_value(statements: list[ast.stmt], name: str) -> int | None:
    """Return where a name gets a value that nobody can call, if it is the last thing it gets."""
    last = next((each for each in reversed(statements) if name in _names([each])), None)
    match last:
        case ast.Assign(targets=[ast.Name()], value=value) | ast.AnnAssign(value=value):
            return last.lineno if isinstance(value, _VALUES) else None
    return None


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
