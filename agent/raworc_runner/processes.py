"""Finds everything that an agent started, however it was started.

What is killed with an agent is not asked of the agent: process groups, sessions and environments
are its own to change, parents are not. PID 1 adopts every orphan, so whatever descends from the
runner, but not from another loaded agent, belongs to the agent whose turn it is. Orphans of other
agents are told by a mark in their environment; one that has none is taken for a stray.
What ``kubectl exec`` starts does not descend from the runner, and stays.

A look at /proc that fails raises OSError, for which the runner ends: agents can lower the number
of its descriptors, and what is not seen would outlive its turn. (docs/decisions/0051)
"""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from raworc_runner.protection import kill

MARK = "RAWORC_AGENT_PROCESS"
_MOST_ROUNDS = 20
_PROC = Path("/proc")


def end_all(agent: int, mark: str, others: Collection[int], other_marks: Collection[str]) -> None:
    """Kill an agent's process and all that came of it."""
    seen: set[int] = set()
    # What was started while we looked is found in the next round; killed ones start nothing more.
    for _ in range(_MOST_ROUNDS):
        found = set(_belonging(agent, mark, others, other_marks)) - seen
        for pid in found:
            kill(pid)
        if not found:
            return
        seen |= found
    if os.getpid() == 1:
        # Something starts processes faster than they are looked for: everything goes at once.
        kill(-1)


def _belonging(
    agent: int, mark: str, others: Collection[int], other_marks: Collection[str]
) -> Iterator[int]:
    children = _children()
    for child in children.get(os.getpid(), ()):
        if child not in others and (child == agent or _is_mine(child, mark, other_marks)):
            yield from _tree(child, children)


def _tree(pid: int, children: dict[int, list[int]]) -> Iterator[int]:
    waiting = [pid]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += children.get(pid, ())


def _is_mine(pid: int, mark: str, other_marks: Collection[str]) -> bool:
    found = _mark_of(pid)
    return found == mark or found not in other_marks


def _mark_of(pid: int) -> str:
    name = f"{MARK}=".encode()
    try:
        entries = (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    found = (entry for entry in entries if entry.startswith(name))
    return next(found, name)[len(name) :].decode("utf-8", "replace")


def _children() -> dict[int, list[int]]:
    """Return the children of every process that can be seen."""
    children: dict[int, list[int]] = {}
    # Not a glob, which takes a folder that cannot be read for an empty one.
    for process in _PROC.iterdir():
        if process.name.isdecimal() and (parent := _parent(process)) is not None:
            children.setdefault(parent, []).append(int(process.name))
    return children


def _parent(process: Path) -> int | None:
    try:
        # The name before it is in parentheses, and may hold anything, parentheses included.
        stat = (process / "stat").read_bytes().rpartition(b")")[2]
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, parent = stat.split(None, 2)[:2]
    return None if state == b"Z" else int(parent)
