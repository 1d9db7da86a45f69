"""Pushing a built image."""

from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import NamedTuple

import requests
from dxf import DXF
from dxf.exceptions import DXFMountFailed, DXFUnauthorizedError

from raworc_sources.image_reference import split_address, split_reference
from raworc_sources.images.layout import Blob, BuiltImage
from raworc_sources.problems import RegistryError
from raworc_sources.registry import ImageRegistry


class Destination(NamedTuple):
    """Where an image goes, below the registry's address."""

    repository: str
    tag: str


def push_image(
    registry: ImageRegistry,
    image: BuiltImage,
    destination: Destination,
    sources: Mapping[str, str],
) -> str:
    """Push an image, and return its digest; what the registry has already is not sent again.

    ``sources`` are images that have layers of it, by the digests of these.
    """
    host, path = split_address(registry.address)
    with registry.open_repository(host, path + destination.repository) as images:
        for blob in image.blobs:
            based = split_reference(sources.get(blob.digest, ""), registry.address)
            has_source = blob.digest in sources and based.host == host
            if _exists(images, blob):
                continue
            if not (has_source and _is_mounted(images, based.repository, blob)):
                _upload(images, blob)
        images._request(  # type: ignore[no-untyped-call]  # noqa: SLF001
            "put",
            f"manifests/{destination.tag}",
            data=image.manifest,
            headers={"Content-Type": image.media_type},
        )
    return image.digest


def _exists(images: DXF, blob: Blob) -> bool:
    try:
        images.blob_size(blob.digest)
    except requests.HTTPError as error:
        if error.response is None or error.response.status_code != HTTPStatus.NOT_FOUND:
            raise
        return False
    return True


def _is_mounted(images: DXF, repository: str, blob: Blob) -> bool:
    # A registry need not know how, or may want another account for the other repository.
    with suppress(DXFMountFailed, DXFUnauthorizedError, requests.HTTPError):
        images.mount_blob(repository, blob.digest)
        return True
    return False


def _upload(images: DXF, blob: Blob) -> None:
    if images.push_blob(str(blob.path), check_exists=False) != blob.digest:
        raise RegistryError(f"'{blob.digest}' has another content.")
