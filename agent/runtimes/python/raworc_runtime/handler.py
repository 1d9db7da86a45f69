"""Finds the function that answers messages."""

import importlib
import sys
from collections.abc import Callable
from typing import Any

Handler = Callable[[str, dict[str, Any]], Any]


class HandlerNotFoundError(Exception):
    """The manifest names a handler that the agent does not have."""


def load_handler(folder: str, name: str) -> Handler:
    """Import ``module.function`` from the agent's folder; what the agent raises is passed on."""
    # In the place of this runtime's own folder, as if the agent had been started by itself.
    sys.path[0] = folder
    sys.argv[:] = [name]
    module_name, _, function_name = name.rpartition(".")
    module = _import(module_name)
    handler: Any = getattr(module, function_name, None)
    if handler is None:
        raise HandlerNotFoundError(f"The module '{module_name}' has no '{function_name}'.")
    if not callable(handler):
        raise HandlerNotFoundError(
            f"'{name}' is of type '{type(handler).__name__}', not a function."
        )
    return handler  # type: ignore[no-any-return]


def _import(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Another module that is missing is the agent's own failure to load.
        if error.name != name and not name.startswith(f"{error.name}."):
            raise
        raise HandlerNotFoundError(f"The agent has no module '{name}'.") from None
