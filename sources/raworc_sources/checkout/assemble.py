"""From a request to a build context: fetch, copy, check, and write the Dockerfile."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from raworc_crds.space import SpaceReason
from raworc_sources.checkout.dockerfile import render_dockerfile
from raworc_sources.checkout.fetch import fetch_commit
from raworc_sources.checkout.layout import AGENTS_FILE, AGENTS_FOLDER
from raworc_sources.checkout.manifest import read_manifest
from raworc_sources.checkout.request import AgentRequest, CheckoutRequest
from raworc_sources.checkout.runtimes.choice import NODE, RUST, find_runtime
from raworc_sources.checkout.runtimes.runtime import CheckedOut, Installation
from raworc_sources.checkout.tree import copy_agent
from raworc_sources.git import Git
from raworc_sources.problems import SourceError
from raworc_sources.protocol import BaseImages


def assemble(request: CheckoutRequest, git: Git, scratch: Path, context: Path) -> str:
    """Fill the build context, and return the Dockerfile that belongs to it."""
    context.mkdir(parents=True)
    entries, installations = [], []
    for wanted in request.agents:
        folder = context / AGENTS_FOLDER / wanted.name
        copy_agent(_repository(git, wanted, scratch), wanted.path, folder, wanted.name)
        agent = CheckedOut(wanted.name, folder, read_manifest(folder, wanted.name))
        installation = inspect(agent)
        entries.append(agent_entry(wanted, agent, installation))
        installations.append(installation)
    (context / AGENTS_FILE).write_text(json.dumps(entries, ensure_ascii=False, indent=1))
    _require_images(request.base_images, installations)
    return render_dockerfile(request.base_images, request.build_key, installations)


def inspect(agent: CheckedOut) -> Installation:
    """Say what an agent needs installed, or refuse one that could not run."""
    runtime = find_runtime(agent)
    runtime.require(agent)
    if not agent.manifest.build_command:
        # A command may yet make the module; then the runner finds out whether it did.
        runtime.check(agent)
    return runtime.installation(agent)


def agent_entry(
    wanted: AgentRequest, agent: CheckedOut, installation: Installation
) -> dict[str, Any]:
    """Write what the runner reads of an agent; what the Space says goes before the manifest."""
    manifest = agent.manifest
    return {
        "name": agent.name,
        "runtime": installation.runtime.name,
        "handler": installation.runtime.handler(agent),
        "program": installation.program,
        "description": wanted.description or manifest.description,
        "purpose": wanted.purpose or manifest.purpose,
        "capabilities": manifest.capabilities,
        "metadata": dict(manifest.metadata),
    }


def _repository(git: Git, agent: AgentRequest, scratch: Path) -> Path:
    # Several agents often lie in one repository, which is fetched once.
    folder = scratch / f"{abs(hash((agent.repo, agent.commit))):x}"
    if not folder.exists():
        fetch_commit(git, agent, folder)
    return folder


def _require_images(images: BaseImages, installations: Iterable[Installation]) -> None:
    """Refuse to build agents for whose runtime the registry has no image."""
    found = {NODE: images.node, RUST: images.rust}
    for installation in installations:
        runtime = installation.runtime
        if found.get(runtime, images.python) is None:
            words = (
                f"Agent '{installation.agent}' needs the base image for the runtime"
                f" '{runtime.name}', which is not in the registry."
            )
            raise SourceError(SpaceReason.BASE_IMAGE_NOT_FOUND, words)
