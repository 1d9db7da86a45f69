"""Fetching a repository at a pinned commit."""

from pathlib import Path

from raworc_crds.space import SpaceReason
from raworc_sources.address import Address, parse_address
from raworc_sources.checkout.request import AgentRequest
from raworc_sources.git import Git
from raworc_sources.problems import SourceError

_FETCH_SECONDS = 600
# Hooks are for people who work in a repository; here they would be a stranger's code.
_NO_HOOKS = ("-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")


def fetch_commit(git: Git, agent: AgentRequest, folder: Path) -> None:
    """Fetch one commit, and check its files out into ``folder``."""
    address = parse_address(agent.repo, git.internal_hosts)
    folder.mkdir(parents=True)
    git.run(address, "init", "--quiet", folder=folder)
    try:
        _fetch(git, address, folder, "--depth=1", agent.commit)
    except SourceError as error:
        if error.reason is SpaceReason.REPOSITORY_REFUSED:
            raise
        # Not every server hands out a commit by its name alone.
        _fetch(git, address, folder, "--tags", "+refs/heads/*:refs/remotes/origin/*")
    _check_out(git, address, agent, folder)


def _fetch(git: Git, address: Address, folder: Path, option: str, what: str) -> None:
    arguments = ("fetch", "--quiet", option, "--end-of-options", address.location, what)
    git.run(address, *arguments, folder=folder, seconds=_FETCH_SECONDS)


def _check_out(git: Git, address: Address, agent: AgentRequest, folder: Path) -> None:
    arguments = ("checkout", "--quiet", "--force", "--detach", agent.commit)
    try:
        git.run(address, *_NO_HOOKS, *arguments, folder=folder, seconds=_FETCH_SECONDS)
    except SourceError as error:
        raise SourceError(
            SpaceReason.REF_NOT_FOUND,
            f"Agent '{agent.name}': repository '{agent.repo}' has no commit '{agent.commit}'.",
        ) from error
