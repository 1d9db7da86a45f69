"""What the operator asks, and what it is answered: JSON by POST, one path for each question.

An answer has status 200. A fault is a problem (status 422): asking again helps only where its
reason is among ``problems.PASSING``. Status 202 and a fault mean that the answer is still looked
for: the same question, asked again, finds it.
"""

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from raworc_crds.space import SpaceReason

PORT = 8083

Word = Annotated[str, Field(max_length=1024)]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class Fault(_Message):
    """Why there is no answer."""

    reason: SpaceReason
    message: str


class Question(_Message):
    """What is asked for somebody: each asker has an answer of his own, which he gets once."""

    path: ClassVar[str]
    asker: Word


class RepositoryRef(_Message):
    """A branch, tag or commit of a repository."""

    repo: Word
    ref: Word | None


class BaseImages(_Message):
    """The images that agents are built on."""

    python: Word
    """Of spaces without agents in Node.js."""
    node: Word | None
    """The same, with Node.js; None where the registry has none."""
    rust: Word | None
    """Where agents in Rust are compiled; None where the registry has none."""


class Resolve(Question):
    """Asks at which commits some refs are, and by which digests the base images are called."""

    path = "/resolve"
    refs: Annotated[tuple[RepositoryRef, ...], Field(max_length=256)]
    base_images: BaseImages


class Resolved(_Message):
    """The commits, in the order of the refs, and the base images by their digests."""

    commits: tuple[str, ...]
    base_images: BaseImages


class FindImage(Question):
    """Asks for the image of a build, which is believed only with the key of the build in it."""

    path = "/find-image"
    repository: Word
    tag: Word
    build_key: Word


class FoundImage(_Message):
    """The digest, or nothing where there is no such image."""

    digest: str | None


class SweepImages(Question):
    """Asks to delete the images of a repository but those named and the newest of the others."""

    path = "/sweep-images"
    repository: Word
    keep_digests: tuple[Word, ...]
    keep_tags: tuple[Word, ...]
    keep_newest: int


class DeleteRepository(Question):
    """Asks to delete all images of a repository."""

    path = "/delete-repository"
    repository: Word


class ListRepositories(Question):
    """Asks for the repositories whose names begin with a prefix."""

    path = "/list-repositories"
    prefix: Word


class Names(_Message):
    """Repositories that there are, or tags that were deleted."""

    names: tuple[str, ...]
