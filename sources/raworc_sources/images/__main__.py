"""Moves images for a build: ``python -m raworc_sources.images fetch|push …``."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from raworc_sources.checkout.layout import (
    BASE_IMAGES,
    BUILT_IMAGE,
    DOCKERFILE,
    IMAGES,
    TERMINATION_LOG,
)
from raworc_sources.images.fetch import fetch_image, layer_sources
from raworc_sources.images.layout import read_image
from raworc_sources.images.push import Destination, push_image
from raworc_sources.problems import AccountRefusedError, RegistryError, SourceError
from raworc_sources.registry import ImageRegistry
from raworc_sources.settings import from_environment
from raworc_sources.termination import leave_reason

# The bundled registry takes no pushes while it collects its garbage, and any may be busy.
_DELAYS = (1, 2, 4, 8, 16, 32)
# A registry may keep a large layer somewhere else before it answers.
_TIMEOUT_SECONDS = 300


def main() -> int:
    """Do it, or leave word of why it cannot be done."""
    arguments = _parser().parse_args()
    registry = replace(from_environment(os.environ).registry, timeout_seconds=_TIMEOUT_SECONDS)
    try:
        done = patiently(lambda: arguments.run(registry, arguments), _DELAYS)
    except SourceError as error:
        leave_reason(error)
        return 1
    TERMINATION_LOG.write_text(done, encoding="utf-8")
    sys.stdout.write(f"{done}\n")
    return 0


def patiently(ask: Callable[[], str], delays: Sequence[float]) -> str:
    """Ask a registry again for as long as that may help."""
    for delay in delays:
        try:
            return ask()
        except AccountRefusedError:
            raise
        except RegistryError as error:
            sys.stderr.write(f"{error}\nTrying again in {delay} s.\n")
            time.sleep(delay)
    return ask()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="raworc_sources.images")
    commands = parser.add_subparsers(required=True)
    fetch = commands.add_parser("fetch", help="write an image as Kaniko reads it")
    fetch.set_defaults(run=_fetch)
    push = commands.add_parser("push", help="push what Kaniko wrote")
    push.add_argument("repository")
    push.add_argument("tag")
    push.add_argument("--build-key", required=True)
    push.set_defaults(run=_push)
    fetch.add_argument("--dockerfile", type=Path, default=Path(DOCKERFILE))
    for command in (fetch, push):
        command.add_argument("--base", action="append", required=True, help="a base image")
        command.add_argument("--folder", type=Path, default=Path(IMAGES), help="of all images")
    return parser


def _fetch(registry: ImageRegistry, given: argparse.Namespace) -> str:
    # Made by root, which the agents' code is not: it can change nothing in them.
    for name in (BASE_IMAGES, BUILT_IMAGE):
        (given.folder / name).mkdir(mode=0o755, exist_ok=True)
    wanted = base_images(given.dockerfile.read_text(encoding="utf-8"), given.base)
    for reference in wanted:
        fetch_image(registry, reference, given.folder / BASE_IMAGES)
    return " ".join(wanted)


def base_images(dockerfile: str, allowed: Sequence[str]) -> list[str]:
    """Name the images that a Dockerfile begins with, of those that builds may begin with."""
    begun = {line.split()[1] for line in dockerfile.splitlines() if line.startswith("FROM ")}
    return [reference for reference in allowed if reference in begun]


def _push(registry: ImageRegistry, given: argparse.Namespace) -> str:
    image = read_image(given.folder / BUILT_IMAGE, given.build_key)
    sources = layer_sources(given.folder / BASE_IMAGES, given.base)
    return push_image(registry, image, Destination(given.repository, given.tag), sources)


if __name__ == "__main__":
    sys.exit(main())
