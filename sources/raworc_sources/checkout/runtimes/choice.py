"""Which runtime an agent is for."""

from raworc_crds.manifest import MANIFEST_NAME
from raworc_crds.space import SpaceReason
from raworc_sources.checkout.runtimes.node import Node
from raworc_sources.checkout.runtimes.python import Python
from raworc_sources.checkout.runtimes.runtime import CheckedOut, Runtime
from raworc_sources.checkout.runtimes.rust import Rust

PYTHON, NODE, RUST = Python(), Node(), Rust()
# By which the runtime of an agent is found whose manifest names none; the first one decides.
_SIGNS: dict[str, Runtime] = {
    "requirements.txt": PYTHON,
    "pyproject.toml": PYTHON,
    "package.json": NODE,
    "Cargo.toml": RUST,
    "main.py": PYTHON,
    "index.js": NODE,
    "index.mjs": NODE,
    "index.cjs": NODE,
}


def find_runtime(agent: CheckedOut) -> Runtime:
    """Return the runtime that a manifest names, or the one that the agent's files show."""
    named = agent.manifest.runtime
    if named is not None:
        return next(each for each in (PYTHON, NODE, RUST) if each.names.fullmatch(named))
    found = next((runtime for sign, runtime in _SIGNS.items() if agent.has(sign)), None)
    if found is None and not agent.has(MANIFEST_NAME):
        words = f"it has no '{MANIFEST_NAME}' and none of {', '.join(map(repr, _SIGNS))}"
        raise agent.refuse(SpaceReason.UNSUPPORTED_RUNTIME, f"its runtime is unknown: {words}")
    return found or PYTHON
