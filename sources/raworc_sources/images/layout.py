"""Reading an image that a build wrote as an OCI layout.

Agents' code ran in the container that wrote it, so nothing in it is believed: documents are small,
what is read has the digest by which it was named, and no link is followed. Its writer has ended.
"""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pydantic import ValidationError

from raworc_crds.space import SpaceReason
from raworc_sources.checkout.layout import BUILD_KEY_LABEL
from raworc_sources.images.documents import (
    MAX_DOCUMENT_BYTES,
    Descriptor,
    ImageConfig,
    ImageManifest,
    Index,
)
from raworc_sources.problems import SourceError


class InvalidLayoutError(SourceError):
    """A build left something that is not the image that was wanted."""

    def __init__(self, message: str) -> None:
        super().__init__(SpaceReason.BUILD_FAILED, f"The build left no image to push: {message}.")


@dataclass(frozen=True, slots=True)
class Blob:
    """A layer or a configuration, and its file."""

    digest: str
    path: Path


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image that is ready to be pushed."""

    digest: str
    media_type: str
    manifest: bytes
    blobs: tuple[Blob, ...]


def read_image(folder: Path, build_key: str) -> BuiltImage:
    """Return the one image of a layout, if it is of this very build."""
    try:
        return _read_image(folder, build_key)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise InvalidLayoutError(f"a document of it is not understood: {problem}") from None


def _read_image(folder: Path, build_key: str) -> BuiltImage:
    index = Index.model_validate_json(_content(folder, Path("index.json")))
    if len(index.manifests) != 1:
        raise InvalidLayoutError(f"it has {len(index.manifests)} images instead of one")
    (described,) = index.manifests
    text = _document(folder, described)
    manifest = ImageManifest.model_validate_json(text)
    config = ImageConfig.model_validate_json(_document(folder, manifest.config))
    if config.labels.get(BUILD_KEY_LABEL) != build_key:
        raise InvalidLayoutError("its label names another build")
    digests = dict.fromkeys(blob.digest for blob in (*manifest.layers, manifest.config))
    blobs = tuple(Blob(digest, _file(folder, _place(digest))) for digest in digests)
    return BuiltImage(described.digest, described.media_type, text, blobs)


def _document(folder: Path, described: Descriptor) -> bytes:
    content = _content(folder, _place(described.digest))
    if f"sha256:{sha256(content).hexdigest()}" != described.digest:
        raise InvalidLayoutError(f"'{described.digest}' has another content")
    return content


def _content(folder: Path, place: Path) -> bytes:
    with _file(folder, place).open("rb") as file:
        content = file.read(MAX_DOCUMENT_BYTES + 1)
    if len(content) > MAX_DOCUMENT_BYTES:
        raise InvalidLayoutError(f"'{place}' is larger than {MAX_DOCUMENT_BYTES} bytes")
    return content


def _place(digest: str) -> Path:
    return Path("blobs", "sha256", digest.removeprefix("sha256:"))


def _file(folder: Path, place: Path) -> Path:
    path = folder.resolve() / place
    if os.path.realpath(path) != str(path) or not path.is_file():
        raise InvalidLayoutError(f"'{place}' is not a file of it")
    return path
