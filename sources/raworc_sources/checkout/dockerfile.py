"""The Dockerfile of a space's image.

What is run for an agent is run as the image's user. Where a step fails, the last line that it
leaves in the log says of which agent it was; the operator looks for it there.
"""

import json
from collections.abc import Sequence

from raworc_sources.checkout.layout import (
    AGENTS_FILE,
    AGENTS_FOLDER,
    BINARIES_FOLDER,
    BUILD_KEY_LABEL,
    FAILED_STEP,
    IMAGE_USER,
    ROOT,
    TRUST_VARIABLES,
)
from raworc_sources.checkout.runtimes.choice import NODE, RUST
from raworc_sources.checkout.runtimes.runtime import Installation
from raworc_sources.protocol import BaseImages

_COMPILED = f"{ROOT}/{BINARIES_FOLDER}"
_OWNED = f"--chown={IMAGE_USER}:{IMAGE_USER}"


def render_dockerfile(
    images: BaseImages, build_key: str, installations: Sequence[Installation]
) -> str:
    """Write the Dockerfile: one layer for all code, and one for each agent that installs.

    Rust is compiled in a stage before, of which the image has the binaries alone.
    """
    compiled = [each for each in installations if each.runtime is RUST]
    others = [each for each in installations if each.runtime is not RUST]
    has_node = any(each.runtime is NODE for each in installations)
    lines = _stage(f"{images.rust} AS rust", compiled) if compiled else []
    lines += [
        f"FROM {images.node if has_node else images.python}",
        f"LABEL {BUILD_KEY_LABEL}={build_key}",
    ]
    if compiled:
        lines.append(f"COPY --from=rust {_OWNED} {_COMPILED} {_COMPILED}")
    lines += _stage(None, others)
    return "\n".join(lines) + "\n"


def _stage(image: str | None, installations: Sequence[Installation]) -> list[str]:
    scripts = [render_script(each) for each in installations if each.steps]
    return [
        *([f"FROM {image}"] if image else []),
        # Not all at once: the folder itself, with the runner in it, stays root's.
        f"COPY {_OWNED} {AGENTS_FOLDER} {ROOT}/{AGENTS_FOLDER}/",
        f"COPY {AGENTS_FILE} {ROOT}/{AGENTS_FILE}",
        f"USER {IMAGE_USER}",
        *(f"ARG {name}" for name in TRUST_VARIABLES if scripts),
        *(f"RUN {json.dumps(['/bin/sh', '-ec', script])}" for script in scripts),
    ]


def render_script(installation: Installation) -> str:
    """Write what the shell runs for one agent, in its folder."""
    agent = installation.agent
    failed = FAILED_STEP.format(agent=agent, step="$step")
    path = [f"export PATH={installation.commands}:$PATH"] if installation.commands else []
    lines = [
        f'failed() {{ [ $? = 0 ] || echo "{failed}" >&2; }}',
        "trap failed EXIT",
        f"cd {ROOT}/agents/{agent}",
        "export HOME=/tmp",
        *path,
    ]
    for step in installation.steps:
        # In a shell of its own: `-e` overlooks what fails within `a && b` in this one.
        lines += [f"step='{step.name}'", f"(\n{step.script}\n)"]
    return "\n".join(lines)
