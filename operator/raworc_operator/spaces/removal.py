"""What the owner references of a Space cannot clean up: its images in the registry.

A Space has no finalizer, so that nothing holds its deletion back: its images are deleted after it.
"""

from raworc_crds.names import image_repository, space_namespace
from raworc_kube.objects import SPACE, Key, Manifest
from raworc_operator.builds.images import is_building
from raworc_operator.context import Context
from raworc_sources.problems import SourceError
from raworc_sources.protocol import DeleteRepository

_BUILDING_SECONDS, _PENDING_SECONDS = 2.0, 1.0
# A registry that is away for a while gets some more tries before its images are left to people.
_RETRY_SECONDS = (10.0, 60.0, 600.0, 3600.0)


class Removal:
    """The deletion of the images of one Space that is gone."""

    def __init__(self, context: Context, space: Manifest) -> None:
        self._context, self._space = context, space
        self._name: str = space["metadata"]["name"]
        self._failures = 0

    def __call__(self) -> float | None:
        """Try, and say in how many seconds to try again."""
        inside = space_namespace(self._name, self._context.settings.namespace_prefix)
        if self._context.cluster.find(Key(SPACE, self._name)) is not None:
            # A new Space has the repository now, and sweeps it by itself.
            return None
        if is_building(self._context, inside):
            # What ends later would push an image that nobody deletes.
            return _BUILDING_SECONDS
        repository = image_repository(self._name)
        uid = self._space["metadata"]["uid"]
        try:
            question = DeleteRepository(asker=f"{uid}/{self._failures}", repository=repository)
            self._context.sources.delete_repository(question)
        except SourceError as error:
            return _PENDING_SECONDS if error.is_pending else self._fail(repository, error)
        return None

    def _fail(self, repository: str, error: SourceError) -> float | None:
        self._failures += 1
        is_last = self._failures > len(_RETRY_SECONDS)
        if self._failures == 1 or is_last:
            when = "and stay" if is_last else "and are tried again"
            words = f"The images of '{repository}' are left in the registry {when}: {error}"
            self._context.tell(self._space, "ImagesLeft", words, warning=True)
        return None if is_last else _RETRY_SECONDS[self._failures - 1]
