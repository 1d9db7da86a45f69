"""The parts of the image specification that are read here; whatever else is in them is left alone.

They come from registries and from builds, so digests are checked to be digests: they become paths.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

# What registries take of a manifest.
MAX_DOCUMENT_BYTES = 4 * 2**20

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class Platform(BaseModel):
    """For which machines an image is."""

    architecture: str
    os: str


class Descriptor(BaseModel):
    """One thing that another document names by its digest."""

    model_config = ConfigDict(populate_by_name=True)

    media_type: str = Field(alias="mediaType")
    digest: Digest
    size: Annotated[int, Field(ge=0)]
    platform: Platform | None = None


class Index(BaseModel):
    """Several images, by their platforms."""

    manifests: list[Descriptor]


class ImageManifest(BaseModel):
    """One image."""

    config: Descriptor
    layers: list[Descriptor]


class _RootFilesystem(BaseModel):
    diff_ids: list[Digest] = []


class _Settings(BaseModel):
    labels: dict[str, str] | None = Field(None, alias="Labels")


class ImageConfig(BaseModel):
    """What an image says of itself."""

    config: _Settings | None = None
    rootfs: _RootFilesystem = _RootFilesystem()

    @property
    def labels(self) -> dict[str, str]:
        """The labels of the image."""
        return (self.config and self.config.labels) or {}
