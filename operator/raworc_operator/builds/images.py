"""Images that nobody wants any more: of a space that was built anew, and of spaces that are gone.

What stays of a space is decided when a build completes: its image, the one before it (a session
may be starting from it just now), those that pods run, what running builds push, and the newest of
the rest. Where the registry belongs to this release alone, the repositories of spaces that are gone
are looked for every hour; anywhere else they may be somebody else's. See decision 13.
"""

import logging
import re
from collections.abc import Iterator

from raworc_crds.names import image_repository, space_namespace
from raworc_kube.objects import JOB, POD, SPACE, Key, Manifest, is_going
from raworc_operator.context import Context
from raworc_operator.labels import BUILD_COMPONENT, SESSION_COMPONENT, selector
from raworc_sources.problems import SourceError
from raworc_sources.protocol import DeleteRepository, ListRepositories, SweepImages

_logger = logging.getLogger(__name__)

GONE_SPACES_SECONDS = 3600.0
_STILL_SECONDS = 1.0
_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})$")
_JOB_PREFIX = "build-"


def sweep_images(context: Context, space: Manifest, images: tuple[str | None, ...]) -> None:
    """Delete what nobody wants of a space's images; ``images`` are wanted in any case.

    A registry that does not help is no reason to hold the space back: the next build sweeps again.
    """
    metadata = space["metadata"]
    name = metadata["name"]
    inside = space_namespace(name, context.settings.namespace_prefix)
    wanted = {*_digests(*images), *_running(context, inside)}
    question = SweepImages(
        asker=f"{metadata['uid']}/{images[0]}",
        repository=image_repository(name),
        keep_digests=tuple(sorted(wanted)),
        keep_tags=tuple(sorted(_building(context, inside))),
        keep_newest=context.settings.keep_images,
    )
    try:
        gone = context.sources.sweep_images(question)
    except SourceError as error:
        _logger.info("%s: its images were not swept: %s", name, error)
        return
    if gone:
        _logger.info("%s: images deleted: %s", name, ", ".join(gone))


def remove_gone_spaces(context: Context) -> float:
    """Delete the repositories of spaces that are gone, and say when to look again."""
    prefix = image_repository("")
    try:
        names = context.sources.list_repositories(ListRepositories(asker="", prefix=prefix))
        # Read after the repositories: a new Space whose repository is in the list is in this one.
        spaces = {space["metadata"]["name"] for space in context.cluster.list_all(SPACE).items}
        for name in names:
            space = name.removeprefix(prefix)
            if space not in spaces and context.cluster.find(Key(SPACE, space)) is None:
                context.sources.delete_repository(DeleteRepository(asker="", repository=name))
                _logger.info("%s was deleted, and its images with it", space)
    except SourceError as error:
        _logger.info("Images of deleted spaces will be looked for later: %s", error)
        return _STILL_SECONDS if error.is_pending else GONE_SPACES_SECONDS
    return GONE_SPACES_SECONDS


def is_building(context: Context, namespace: str) -> bool:
    """Say whether a pod of a build in a namespace may still push."""
    pods = context.cluster.list_all(POD, namespace, selector(component=BUILD_COMPONENT)).items
    ended = {"Succeeded", "Failed"}
    return any((pod.get("status") or {}).get("phase") not in ended for pod in pods)


def _running(context: Context, namespace: str) -> set[str]:
    pods = context.cluster.list_all(POD, namespace, selector(component=SESSION_COMPONENT)).items
    return {digest for pod in pods for digest in _digests(*_images(pod))}


def _building(context: Context, namespace: str) -> set[str]:
    jobs = context.cluster.list_all(JOB, namespace, selector(component=BUILD_COMPONENT)).items
    return {job["metadata"]["name"].removeprefix(_JOB_PREFIX) for job in jobs if not is_going(job)}


def _images(pod: Manifest) -> Iterator[str]:
    spec = pod.get("spec") or {}
    for container in (*(spec.get("initContainers") or []), *(spec.get("containers") or [])):
        yield container.get("image") or ""


def _digests(*images: str | None) -> set[str]:
    found = (_DIGEST.search(image or "") for image in images)
    return {match[1] for match in found if match}
