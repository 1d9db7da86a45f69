"""Images between a real registry and a build: the base image in, the built one out."""

import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.registry import (
    CONFIG_TYPE,
    INDEX_TYPE,
    MANIFEST_TYPE,
    PULLER,
    RunningRegistry,
    digest_of,
)

from raworc_crds.space import SpaceReason
from raworc_sources.images.__main__ import base_images, patiently
from raworc_sources.images.fetch import fetch_image, layer_sources
from raworc_sources.images.layout import InvalidLayoutError, read_image
from raworc_sources.images.push import Destination, push_image
from raworc_sources.problems import AccountRefusedError, RegistryError
from raworc_sources.registry import ImageRegistry

KEY = "a" * 64
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
BASE_REPOSITORY, BUILT = "raworc/agent", Destination("raworc_space_a", "1")
BASE_LAYERS, OWN_LAYERS = [b"first of the base", b"second of the base"], [b"the agents"]
NO_BASE: dict[str, str] = {}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """Leave an image as Kaniko does."""
    return written_layout(tmp_path / "built", [*BASE_LAYERS, *OWN_LAYERS])


def written_layout(folder: Path, layers: list[bytes], key: str = KEY) -> Path:
    def blob(kind: str, content: bytes) -> dict[str, Any]:
        place(folder, digest_of(content)).write_bytes(content)
        return {"mediaType": kind, "size": len(content), "digest": digest_of(content)}

    place(folder, "").mkdir(parents=True)
    diff_ids = [digest_of(b"unpacked " + layer) for layer in layers]
    labels = {"dev.raworc.build-key": key}
    config = {"config": {"Labels": labels}, "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": blob(CONFIG_TYPE, json.dumps(config).encode()),
        "layers": [blob(LAYER_TYPE, layer) for layer in layers],
    }
    index = {"manifests": [blob(MANIFEST_TYPE, json.dumps(manifest).encode())]}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def place(folder: Path, digest: str) -> Path:
    return folder / "blobs" / "sha256" / digest.removeprefix("sha256:")


def with_base(registry: ImageRegistry, folder: Path, *more: bytes) -> str:
    """Push a base image, and return its name."""
    image = read_image(written_layout(folder, [*BASE_LAYERS, *more]), KEY)
    digest = push_image(registry, image, Destination(BASE_REPOSITORY, "1"), NO_BASE)
    return f"{registry.address}/{BASE_REPOSITORY}@{digest}"


def test_a_built_image_is_pushed_and_found_by_its_key(
    registry: ImageRegistry, server: RunningRegistry, built: Path
) -> None:
    digest = push_image(registry, read_image(built, KEY), BUILT, NO_BASE)
    assert registry.find_image(*BUILT, KEY) == digest
    for layer in (*BASE_LAYERS, *OWN_LAYERS):
        found = server.ask("GET", f"team/{BUILT.repository}/blobs/{digest_of(layer)}")
        assert found.content == layer
    assert push_image(registry, read_image(built, KEY), BUILT, NO_BASE) == digest


def test_layers_of_the_base_image_are_not_sent_again(
    registry: ImageRegistry, built: Path, tmp_path: Path
) -> None:
    reference = with_base(registry, tmp_path / "base")
    image = read_image(built, KEY)
    sources = dict.fromkeys(map(digest_of, BASE_LAYERS), reference)
    for digest in sources:
        # Whatever is sent now is not what its name says, and refused.
        place(built, digest).write_bytes(b"other")
    digest = push_image(registry, image, BUILT, sources)
    assert registry.find_image(*BUILT, KEY) == digest


def test_layers_that_the_registry_lost_are_sent(
    registry: ImageRegistry, built: Path, tmp_path: Path
) -> None:
    with_base(registry, tmp_path / "base")
    image = read_image(built, KEY)
    absent = f"{registry.address}/never/there@sha256:{'0' * 64}"
    sources = dict.fromkeys(map(digest_of, BASE_LAYERS), absent)
    assert registry.find_image(*BUILT, KEY) is None
    assert push_image(registry, image, BUILT, sources) == registry.find_image(*BUILT, KEY)


def test_the_base_image_is_written_as_kaniko_reads_it(
    registry: ImageRegistry, tmp_path: Path
) -> None:
    reference, folder = with_base(registry, tmp_path / "base"), tmp_path / "cache"
    folder.mkdir()
    digest = fetch_image(registry, reference, folder)
    assert reference.endswith(digest)
    manifest = (folder / f"{digest}.json").read_bytes()
    assert digest_of(manifest) == digest
    assert layer_sources(folder, [reference, "r/none@sha256:1"]) == dict.fromkeys(
        map(digest_of, BASE_LAYERS), reference
    )
    with tarfile.open(folder / digest) as tarball:
        contents = {
            member.name: file.read() for member in tarball if (file := tarball.extractfile(member))
        }
    (described,) = json.loads(contents["manifest.json"])
    assert digest_of(contents[described["Config"]]) == described["Config"]
    assert [contents[name] for name in described["Layers"]] == BASE_LAYERS
    sources = described["LayerSources"]
    assert [source["digest"] for source in sources.values()] == [*map(digest_of, BASE_LAYERS)]


def test_an_image_of_several_platforms_is_fetched_for_this_one(
    registry: ImageRegistry,
    server: RunningRegistry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    one = with_base(registry, tmp_path / "base").rpartition("@")[2]
    other = with_base(registry, tmp_path / "other", b"of arm64").rpartition("@")[2]
    described = {"mediaType": MANIFEST_TYPE, "size": 1, "digest": one}
    amd64 = {**described, "platform": {"os": "linux", "architecture": "amd64"}}
    arm64: dict[str, Any] = {**described, "digest": other}
    arm64["platform"] = {"os": "linux", "architecture": "arm64"}
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [arm64, amd64]}
    content = json.dumps(index).encode()
    server.ask("PUT", f"team/{BASE_REPOSITORY}/manifests/many", content).raise_for_status()
    reference = registry.base_image(f"{BASE_REPOSITORY}:many")
    assert not reference.endswith(one)
    fetch_image(registry, reference, tmp_path)
    assert layer_sources(tmp_path, [reference]).keys() == {*map(digest_of, BASE_LAYERS)}
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(RegistryError, match="linux/riscv64"):
        fetch_image(registry, reference, tmp_path)


def another_key(folder: Path) -> None:
    for file in (folder / "blobs" / "sha256").iterdir():
        file.unlink()
    (folder / "blobs" / "sha256").rmdir()
    (folder / "blobs").rmdir()
    written_layout(folder, OWN_LAYERS, "b" * 64)


def two_images(folder: Path) -> None:
    index = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps({"manifests": index["manifests"] * 2}))


def other_content(folder: Path) -> None:
    index = json.loads((folder / "index.json").read_text())
    place(folder, index["manifests"][0]["digest"]).write_text("{}")


def a_path_for_a_digest(folder: Path) -> None:
    index = (folder / "index.json").read_text()
    (folder / "index.json").write_text(index.replace('"sha256:', '"sha256:../../'))


def a_link_for_a_layer(folder: Path) -> None:
    outside = folder.parent / "account"
    outside.write_bytes(OWN_LAYERS[0])
    layer = place(folder, digest_of(OWN_LAYERS[0]))
    layer.unlink()
    layer.symlink_to(outside)


def a_link_for_a_folder(folder: Path) -> None:
    (folder / "blobs").rename(folder.parent / "elsewhere")
    (folder / "blobs").symlink_to(folder.parent / "elsewhere")


def a_large_document(folder: Path) -> None:
    with (folder / "index.json").open("ab") as file:
        file.truncate(5 * 2**20)


def nothing(folder: Path) -> None:
    (folder / "index.json").unlink()


@pytest.mark.parametrize(
    "forge",
    [
        another_key,
        two_images,
        other_content,
        a_path_for_a_digest,
        a_link_for_a_layer,
        a_link_for_a_folder,
        a_large_document,
        nothing,
    ],
)
def test_what_is_not_the_image_of_this_build_is_not_pushed(
    built: Path, forge: Callable[[Path], None]
) -> None:
    forge(built)
    with pytest.raises(InvalidLayoutError) as refused:
        read_image(built, KEY)
    assert refused.value.reason is SpaceReason.BUILD_FAILED


def test_a_layer_with_another_content_is_not_pushed(registry: ImageRegistry, built: Path) -> None:
    place(built, digest_of(OWN_LAYERS[0])).write_bytes(b"forged")
    with pytest.raises(RegistryError, match="another content"):
        push_image(registry, read_image(built, KEY), BUILT, NO_BASE)
    assert registry.find_image(*BUILT, KEY) is None


def test_who_may_not_push_is_told_so_at_once(
    registry: ImageRegistry, server: RunningRegistry, built: Path
) -> None:
    server.let_in(PULLER)
    asked = []

    def push() -> str:
        asked.append(1)
        return push_image(registry, read_image(built, KEY), BUILT, NO_BASE)

    with pytest.raises(AccountRefusedError, match="refuses the account"):
        patiently(push, (0, 0))
    assert asked == [1]


def test_a_registry_that_is_away_is_asked_again(
    registry: ImageRegistry, server: RunningRegistry, built: Path
) -> None:
    image, answers = read_image(built, KEY), iter(["localhost:1", registry.address])

    def push() -> str:
        return push_image(replace(registry, address=next(answers)), image, BUILT, NO_BASE)

    assert patiently(push, (0, 0)) == image.digest
    assert server.tags(f"team/{BUILT.repository}") == {"1"}


def test_only_base_images_of_the_dockerfile_are_fetched_and_no_others() -> None:
    lines = ["FROM r/rust@sha256:1 AS rust", "RUN []", "FROM r/node@sha256:2", "FROM r/other"]
    allowed = ["r/node@sha256:2", "r/python@sha256:3", "r/rust@sha256:1"]
    assert base_images("\n".join(lines), allowed) == ["r/node@sha256:2", "r/rust@sha256:1"]
