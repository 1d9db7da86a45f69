"""Fetching a base image into the folder where Kaniko looks before it asks a registry.

Kaniko's ``--cache-dir`` has a file for each image, named by the digest by which a Dockerfile asks
for it: a tarball as ``docker save`` writes it, and beside it the manifest.
"""

import json
import platform
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from tarfile import BLOCKSIZE, TarInfo
from typing import BinaryIO, cast

from dxf import DXF

from raworc_sources.image_reference import split_reference
from raworc_sources.images.documents import (
    Descriptor,
    ImageConfig,
    ImageManifest,
    Index,
    Platform,
)
from raworc_sources.problems import RegistryError
from raworc_sources.registry import ImageRegistry

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_CHUNK_BYTES = 2**20


def fetch_image(registry: ImageRegistry, reference: str, into: Path) -> str:
    """Write an image that is named by its digest as Kaniko reads it, and return the digest."""
    host, repository, digest = split_reference(reference, registry.address)
    with registry.open_repository(host, repository) as images:
        text = _manifest(images, digest)
        if "manifests" in json.loads(text):
            text = _manifest(images, _own(Index.model_validate_json(text)).digest)
        with (into / digest).open("wb") as tarball:
            _write(images, ImageManifest.model_validate_json(text), tarball)
    # Written last: it spares Kaniko from hashing all layers.
    (into / f"{digest}.json").write_bytes(text)
    return digest


def layer_sources(folder: Path, references: Iterable[str]) -> dict[str, str]:
    """Name the layers of the images that were fetched, each with an image that has it."""
    manifests = {
        reference: folder / f"{reference.rpartition('@')[2]}.json" for reference in references
    }
    return {
        layer.digest: reference
        for reference, file in manifests.items()
        if file.exists()
        for layer in ImageManifest.model_validate_json(file.read_bytes()).layers
    }


def _manifest(images: DXF, digest: str) -> bytes:
    _, answer = images.get_manifest_and_response(digest)
    content: bytes = answer.content
    if f"sha256:{sha256(content).hexdigest()}" != digest:
        raise RegistryError(f"The registry answers with another manifest than '{digest}'.")
    return content


def _own(index: Index) -> Descriptor:
    architecture = _ARCHITECTURES.get(platform.machine(), platform.machine())
    wanted = Platform(os="linux", architecture=architecture)
    for each in index.manifests:
        if each.platform == wanted:
            return each
    raise RegistryError(f"The base image is not there for linux/{architecture}.")


def _write(images: DXF, manifest: ImageManifest, tarball: BinaryIO) -> None:
    config = b"".join(_pieces(images, manifest.config))
    diff_ids = ImageConfig.model_validate_json(config).rootfs.diff_ids
    described = {
        "Config": manifest.config.digest,
        "RepoTags": [],
        "Layers": [_file_name(layer.digest) for layer in manifest.layers],
        "LayerSources": {
            diff_id: {"mediaType": layer.media_type, "size": layer.size, "digest": layer.digest}
            for diff_id, layer in zip(diff_ids, manifest.layers, strict=True)
        },
    }
    listing = json.dumps([described]).encode()
    # What is read first and often comes first.
    _add(tarball, "manifest.json", len(listing), [listing])
    _add(tarball, manifest.config.digest, len(config), [config])
    for layer in {each.digest: each for each in manifest.layers}.values():
        _add(tarball, _file_name(layer.digest), layer.size, _pieces(images, layer))
    tarball.write(bytes(2 * BLOCKSIZE))


def _file_name(digest: str) -> str:
    return f"{digest.removeprefix('sha256:')}.tar.gz"


def _pieces(images: DXF, blob: Descriptor) -> Iterable[bytes]:
    # Checked against the digest when the last piece is read.
    pieces = images.pull_blob(blob.digest, chunk_size=_CHUNK_BYTES)
    return cast("Iterable[bytes]", pieces)


def _add(tarball: BinaryIO, name: str, size: int, pieces: Iterable[bytes]) -> None:
    info = TarInfo(name)
    info.size = size
    tarball.write(info.tobuf())
    if sum(tarball.write(piece) for piece in pieces) != size:
        raise RegistryError(f"'{name}' of the base image has another size than its manifest says.")
    tarball.write(bytes(-size % BLOCKSIZE))
