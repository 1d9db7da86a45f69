"""Spaces, sessions and agents, written as users write them."""

from tests.e2e.kubectl import Manifest
from tests.e2e.repositories import Repository


def source(name: str, repository: Repository, path: str | None = None) -> dict[str, str]:
    """Say, for either door, where an agent's code lies."""
    where = {"name": name, "repo": repository.url, "ref": "main"}
    return {**where, "path": path} if path else where


def space_manifest(name: str, *agents: Manifest) -> Manifest:
    return {
        "apiVersion": "raworc.dev/v1alpha1",
        "kind": "Space",
        "metadata": {"name": name},
        "spec": {"agents": list(agents)},
    }


def session_manifest(name: str, space: str) -> Manifest:
    return {
        "apiVersion": "raworc.dev/v1alpha1",
        "kind": "AgentSession",
        "metadata": {"name": name, "namespace": f"raworc-{space}"},
        "spec": {"space": space},
    }
