"""From a request to a build context: fetch, copy, check, and write the Dockerfile."""

import json
from pathlib import Path
from typing import Any

from raworc_crds.manifest import AgentManifest
from raworc_sources.checkout.dependencies import pip_arguments
from raworc_sources.checkout.dockerfile import Installation, render_dockerfile
from raworc_sources.checkout.fetch import fetch_commit
from raworc_sources.checkout.handler import check_handler
from raworc_sources.checkout.layout import AGENTS_FILE, AGENTS_FOLDER, VENVS_FOLDER
from raworc_sources.checkout.manifest import read_manifest
from raworc_sources.checkout.request import AgentRequest, CheckoutRequest
from raworc_sources.checkout.tree import copy_agent
from raworc_sources.git import Git


def assemble(request: CheckoutRequest, git: Git, scratch: Path, context: Path) -> str:
    """Fill the build context, and return the Dockerfile that belongs to it."""
    (context / VENVS_FOLDER).mkdir(parents=True)
    entries, installations = [], []
    for agent in request.agents:
        folder = context / AGENTS_FOLDER / agent.name
        copy_agent(_repository(git, agent, scratch), agent.path, folder, agent.name)
        manifest = read_manifest(folder, agent.name)
        installation = _installation(agent, manifest, folder)
        if not manifest.build_command:
            # A command may yet make the module; then the host finds out whether it did.
            check_handler(folder, manifest.handler, agent.name)
        entries.append(agent_entry(agent, manifest, installation))
        installations.append(installation)
    (context / AGENTS_FILE).write_text(json.dumps(entries, ensure_ascii=False, indent=1))
    return render_dockerfile(request.base_image, request.build_key, installations)


def agent_entry(
    agent: AgentRequest, manifest: AgentManifest, installation: Installation
) -> dict[str, Any]:
    """Write what the host reads of an agent; what the Space says goes before the manifest."""
    return {
        "name": agent.name,
        # As the runner knows it, which is without a version.
        "runtime": "python",
        "handler": manifest.handler,
        "description": agent.description or manifest.description,
        "purpose": agent.purpose or manifest.purpose,
        "capabilities": manifest.capabilities,
        "metadata": dict(manifest.metadata),
        "program": installation.python,
    }


def _repository(git: Git, agent: AgentRequest, scratch: Path) -> Path:
    # Several agents often lie in one repository, which is fetched once.
    folder = scratch / f"{abs(hash((agent.repo, agent.commit))):x}"
    if not folder.exists():
        fetch_commit(git, agent, folder)
    return folder


def _installation(agent: AgentRequest, manifest: AgentManifest, folder: Path) -> Installation:
    pip = tuple(pip_arguments(folder, agent.name))
    return Installation(agent.name, pip, manifest.build_command)
